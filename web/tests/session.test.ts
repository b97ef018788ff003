import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { gate, getJob, postSession, send } from "../src/api/http";
import type { Session } from "../src/api/types";
import { asksForKey, keepSession, look, session, signIn, signIns, signOut } from "../src/state/session";

const OPEN: Session = { keys_required: false, tenant: "default", role: "admin", name: "", expires_at: null };
const sessionOf = (tenant: string): Session => ({ ...OPEN, keys_required: true, tenant, role: "user", name: "laptop" });
const NOT_OURS = ["darkroom.theme", "others.theme"];
const KEY = "a-key-of-red";

/** A server with one key for a tenant, which knows its browser by a cookie as long as that is kept. */
class FakeServer {
  tenant = "red";
  signedIn = false;
  keepsCookies = true;
  readonly asked: string[] = [];

  readonly fetch = (path: string, init: RequestInit = {}): Promise<Response> => {
    if (init.signal?.aborted) return Promise.reject(new DOMException("", "AbortError"));
    this.asked.push(`${init.method ?? "GET"} ${path}`);
    return Promise.resolve(path === "/api/v1/session" ? this.ofSession(init) : this.answer({ id: "job_1" }));
  };

  private ofSession({ method, body }: RequestInit): Response {
    if (method === "POST") {
      const known = (JSON.parse(body as string) as { key: string }).key === KEY;
      this.signedIn = known && this.keepsCookies;
      return known ? Response.json(sessionOf(this.tenant)) : refused();
    }
    if (method === "DELETE") this.signedIn = false;
    return method === "DELETE" ? new Response(null, { status: 204 }) : this.answer(sessionOf(this.tenant));
  }

  private answer(body: object): Response {
    return this.signedIn ? Response.json(body) : refused();
  }
}

const refused = (): Response => Response.json({ code: "unauthenticated", detail: "No.", status: 401 }, { status: 401 });

let server: FakeServer;
let reloads: number;
let kept: Record<string, unknown>;

beforeEach(() => {
  server = new FakeServer();
  reloads = 0;
  kept = { "darkroom.grids": "[]", "darkroom.place": "{}", "darkroom.theme": "dark", "others.theme": "x" };
  Object.defineProperty(kept, "removeItem", { value: (name: string) => delete kept[name] });
  vi.stubGlobal("fetch", server.fetch);
  vi.stubGlobal("location", { pathname: "/", reload: () => (reloads += 1) });
  vi.stubGlobal("history", { replaceState: () => undefined });
  vi.stubGlobal("sessionStorage", kept);
  vi.stubGlobal("localStorage", kept);
  keepSession();
  session.value = null;
});

afterEach(async () => {
  if (asksForKey.peek()) await signIn(KEY);
  vi.unstubAllGlobals();
});

describe("a request without a valid key", () => {
  test("waits for the sign-in, and is then sent again", async () => {
    const job = getJob("job_1");
    await vi.waitFor(() => expect(asksForKey.value).toBe(true));
    expect(await signIn(KEY)).toBe(true);
    expect(await job).toEqual({ id: "job_1" });
    expect([asksForKey.value, session.value?.name]).toEqual([false, "laptop"]);
    expect(server.asked.filter((each) => each.includes("job_1"))).toHaveLength(2);
  });

  test("is one of many that wait, and none is sent meanwhile", async () => {
    const first = getJob("job_1");
    await vi.waitFor(() => expect(asksForKey.value).toBe(true));
    const asked = server.asked.length;
    const others = [getJob("job_2"), getJob("job_3")];
    await expect(signIn("wrong")).rejects.toMatchObject({ status: 401 });
    expect(server.asked.slice(asked)).toEqual(["POST /api/v1/session"]);
    await signIn(KEY);
    expect(await Promise.all([first, ...others])).toHaveLength(3);
  });

  test("that its caller has given up is not sent again", async () => {
    const caller = new AbortController();
    const answer = send("/api/v1/events", { signal: caller.signal });
    await vi.waitFor(() => expect(asksForKey.value).toBe(true));
    caller.abort();
    await signIn(KEY);
    await expect(answer).rejects.toMatchObject({ name: "AbortError" });
  });

  test("that is refused after a sign-in, because it was sent before, asks for no other key", async () => {
    const turn = await gate.pass();
    gate.refuse(turn);
    await signIn(KEY);
    gate.refuse(turn);
    expect(asksForKey.value).toBe(false);
  });
});

describe("a session", () => {
  test("that a browser without cookies does not keep is told, and asks again", async () => {
    server.keepsCookies = false;
    await look();
    expect(await signIn(KEY)).toBe(false);
    expect(asksForKey.value).toBe(true);
    server.keepsCookies = true;
  });

  test("is found where another tab has begun it", async () => {
    await look();
    expect(asksForKey.value).toBe(true);
    await postSession(KEY);
    await look();
    expect([asksForKey.value, session.value?.tenant]).toEqual([false, "red"]);
  });

  test("of the same tenant goes on, and images that were refused are asked for again", async () => {
    server.signedIn = true;
    await look();
    server.signedIn = false;
    const before = signIns.value;
    await look();
    await signIn(KEY);
    expect([reloads, signIns.value]).toEqual([0, before + 1]);
  });

  test("of another tenant starts the page anew, without what the former one has left", async () => {
    server.signedIn = true;
    await look();
    server.tenant = "blue";
    await look();
    expect([reloads, Object.keys(kept)]).toEqual([1, NOT_OURS]);
    expect(session.value?.tenant).toBe("red");
  });

  test("ends with the sign-out, also where the server has ended it already", async () => {
    await signOut();
    vi.stubGlobal("fetch", () => Promise.resolve(refused()));
    await signOut();
    expect([reloads, Object.keys(kept)]).toEqual([2, NOT_OURS]);
    vi.stubGlobal("fetch", server.fetch);
  });

  test("that cannot be ended because the server is away goes on", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("no route")));
    await expect(signOut()).rejects.toMatchObject({ code: "unreachable" });
    expect([reloads, await look()]).toEqual([0, false]);
    vi.stubGlobal("fetch", server.fetch);
  });

  test("is not asked for by a server without keys", async () => {
    vi.stubGlobal("fetch", () => Promise.resolve(Response.json(OPEN)));
    await look();
    expect([asksForKey.value, session.value?.keys_required]).toEqual([false, false]);
    vi.stubGlobal("fetch", server.fetch);
  });
});
