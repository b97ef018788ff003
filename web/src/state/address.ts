/**
 * The settings are in the page's address, behind the #, which is never sent to a server: a link reproduces an image.
 *
 * What names an upload stays out of it. The tab alone remembers it, so that a reload loses nothing.
 */
import { batch, effect } from "@preact/signals";
import { FIELDS, lacking, NOTHING, setValues, UPLOADS, values, type Values } from "./settings";
import { say } from "./status";

const NAME = "darkroom.uploads";
/** Says in a link which uploads it was made with. */
const MARK = "without";
const isUpload = (field: string): boolean => UPLOADS.some((each) => each === field);

export function toHash(chosen: Partial<Values>): string {
  const filled = Object.entries(chosen).filter(([field, value]) => value !== "" && !isUpload(field));
  const left = UPLOADS.filter((field) => chosen[field]);
  return new URLSearchParams(left.length > 0 ? [...filled, [MARK, left.join(" ")]] : filled).toString();
}

export function fromHash(hash: string): Values {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  return Object.fromEntries(FIELDS.map((field) => [field, isUpload(field) ? "" : (given.get(field) ?? "")])) as Values;
}

/** The uploads that a link was made with. */
export function leftOut(hash: string): readonly string[] {
  const names = new URLSearchParams(hash.replace(/^#/, "")).get(MARK)?.split(" ") ?? [];
  return names.filter(isUpload);
}

/** Keeps the settings and the address equal. */
export function keepInAddress(): void {
  addEventListener("hashchange", load);
  load();
  effect(() => writeAddress(values.value));
}

function load(): void {
  const hash = location.hash.slice(1);
  const kept = uploadsOf(hash);
  batch(() => {
    setValues({ ...fromHash(hash), ...kept });
    lacking.value = kept === null ? leftOut(hash) : [];
  });
  if (lacking.value.length > 0) say("A link carries no images. Choose what it starts from again, under Settings.");
}

export function writeAddress(chosen: Values): void {
  const uploads = Object.fromEntries(lacking.value.map((field) => [field, "?"]));
  const hash = toHash({ ...chosen, ...uploads });
  if (location.hash.slice(1) !== hash) history.replaceState(history.state, "", hash === "" ? location.pathname : `#${hash}`);
  if (chosen.image === "") sessionStorage.removeItem(NAME);
  else sessionStorage.setItem(NAME, JSON.stringify({ hash, image: chosen.image, mask: chosen.mask }));
}

/** The uploads that this tab had with this address. */
function uploadsOf(hash: string): Pick<Values, "image" | "mask"> | null {
  try {
    const found = JSON.parse(sessionStorage.getItem(NAME) ?? "null") as Record<string, unknown> | null;
    const { image, mask } = { ...NOTHING, ...found };
    return found?.["hash"] === hash && [image, mask].every((each) => typeof each === "string") ? { image, mask } : null;
  } catch {
    return null;
  }
}
