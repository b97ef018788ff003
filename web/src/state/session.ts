/** Who is signed in, and the form that asks for a key. The key itself is nowhere: the server trades it for a cookie. */
import { signal } from "@preact/signals";
import { deleteSession, gate, getSession, isUnauthenticated, postSession } from "../api/http";
import type { Session } from "../api/types";

/** Null until the server has said it. */
export const session = signal<Session | null>(null);

/** Whether the server asks for a key: all requests wait until the visitor has given one. */
export const asksForKey = signal(false);

/** Grows with each sign-in, so that images that were refused are asked for again. */
export const signIns = signal(0);

let others: BroadcastChannel | undefined;

/** Asks for a key where the server does, and notices what other tabs do. */
export function keepSession(): void {
  gate.onClosed = () => (asksForKey.value = true);
  others = new BroadcastChannel("darkroom.session");
  others.onmessage = () => void look();
}

/** Looks who is signed in by now. Returns false where the server does not say. */
export async function look(): Promise<boolean> {
  const { turn } = gate;
  try {
    enter(await getSession());
  } catch (error) {
    if (!isUnauthenticated(error)) return false;
    gate.refuse(turn);
  }
  return true;
}

let looking = false;

/** Looks once for however many images could not be loaded. */
export function lookOnce(): void {
  if (looking || !session.peek()?.keys_required) return;
  looking = true;
  void look().finally(() => (looking = false));
}

function enter(found: Session): void {
  const before = session.peek();
  if (before !== null && before.tenant !== found.tenant) return startAnew();
  session.value = found;
  if (!asksForKey.peek()) return;
  asksForKey.value = false;
  signIns.value += 1;
  gate.open();
}

/** Raises `ApiError`. Returns false where the browser keeps no cookie. */
export async function signIn(key: string): Promise<boolean> {
  await postSession(key);
  try {
    enter(await getSession());
  } catch (error) {
    if (isUnauthenticated(error)) return false;
    throw error;
  }
  others?.postMessage("in");
  return true;
}

/** Raises `ApiError`. */
export async function signOut(): Promise<void> {
  await deleteSession().catch((error: unknown) => {
    if (!isUnauthenticated(error)) throw error;
  });
  others?.postMessage("out");
  startAnew();
}

/** Leaves nothing of the visitor in this tab, and nothing but the colors in the browser. */
function startAnew(): void {
  for (const storage of [sessionStorage, localStorage])
    for (const name of Object.keys(storage)) if (/^darkroom\.(?!theme$)/.test(name)) storage.removeItem(name);
  history.replaceState(null, "", location.pathname);
  location.reload();
}
