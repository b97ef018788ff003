import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Follower, MOST_FOLLOWED } from "../src/api/follow";
import type { JobEvent } from "../src/api/types";

const event = (job: string, name: string, id: string): string => `event: ${name}\ndata: {"job_id":"${job}","data":{}}\nid: ${job}@${id}\n\n`;

/** A server whose answers the test gives, one for each connection; null stands for one that is not reached. */
class FakeServer {
  readonly asked: string[][] = [];
  readonly open: ReadableStreamDefaultController<Uint8Array>[] = [];
  down = false;

  readonly fetch = (path: string): Promise<Response> => {
    this.asked.push(new URL(path, "http://server").searchParams.getAll("job"));
    if (this.down) return Promise.reject(new TypeError("no route"));
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void this.open.push(controller) });
    return Promise.resolve(new Response(body));
  };

  tell(text: string): void {
    this.open.at(-1)!.enqueue(new TextEncoder().encode(text));
  }

  drop(): void {
    this.open.at(-1)!.close();
  }
}

let server: FakeServer;
let events: JobEvent[];
let connections: boolean[];
let follower: Follower;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  vi.stubGlobal("fetch", server.fetch);
  events = [];
  connections = [];
  follower = new Follower({
    onEvent: (told) => void events.push(told),
    onConnection: (at) => void connections.push(at === null),
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const settle = (ms = 50): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

test("jobs are followed in one stream, as many as there is room for", async () => {
  const ids = Array.from({ length: 20 }, (_, index) => `job_${index}`);
  follower.follow(ids);
  await settle();
  expect(server.asked).toEqual([ids.slice(0, MOST_FOLLOWED)]);
});

test("events come with their job", async () => {
  follower.follow(["job_a"]);
  await settle();
  server.tell(event("job_a", "status", "1.1"));
  await settle();
  expect(events).toMatchObject([{ jobId: "job_a", name: "status", id: "1.1" }]);
});

test("a lost connection is resumed behind the last event of each job", async () => {
  follower.follow(["job_a", "job_b"]);
  await settle();
  server.tell(event("job_a", "status", "1.7"));
  await settle();
  server.drop();
  await settle(1500);
  expect(server.asked[1]).toEqual(["job_a@1.7", "job_b"]);
});

test("tries are made ever later while the server is away, and then all is well again", async () => {
  server.down = true;
  follower.follow(["job_a"]);
  await settle(16_000);
  const tries = server.asked.length;
  expect(tries).toBeGreaterThan(3);
  expect(tries).toBeLessThan(8);
  expect(connections).not.toContain(true);
  server.down = false;
  await settle(16_000);
  server.tell(event("job_a", "status", "1.1"));
  await settle();
  expect(connections.at(-1)).toBe(true);
});

test("a stream of the same jobs is not opened again, and one of others is", async () => {
  follower.follow(["job_a"]);
  await settle();
  follower.follow(["job_a"]);
  await settle();
  expect(server.asked).toHaveLength(1);
  follower.follow(["job_a", "job_b"]);
  await settle();
  expect(server.asked.at(-1)).toEqual(["job_a", "job_b"]);
});

test("what has ended ends the stream, which is not taken for a fault", async () => {
  follower.follow(["job_a", "job_b"]);
  await settle();
  follower.follow(["job_b"]);
  await settle();
  follower.follow([]);
  await settle(60_000);
  expect(server.asked).toHaveLength(1);
  expect(connections).not.toContain(false);
  follower.follow(["job_c"]);
  await settle();
  expect(server.asked.at(-1)).toEqual(["job_c"]);
});

test("a stream that the server ends itself is resumed when it says, and not taken for a fault", async () => {
  follower.follow(["job_a"]);
  await settle();
  server.tell(event("job_a", "status", "1.7"));
  server.tell('event: closing\ndata: {"job_id":"job_a","data":{"message":"Bye.","retry_after_s":3}}\nid: job_a@1.7\n\n');
  server.drop();
  await settle(2_900);
  follower.follow(["job_a"]);
  await settle(50);
  expect(server.asked).toHaveLength(1);
  await settle(100);
  expect(server.asked[1]).toEqual(["job_a@1.7"]);
  expect(connections).not.toContain(false);
});

test("nothing is asked where nothing is followed", async () => {
  follower.follow([]);
  await settle(60_000);
  expect(server.asked).toEqual([]);
});
