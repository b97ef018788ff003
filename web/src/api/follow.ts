/**
 * Follows the jobs that have not ended, all in one stream, since a browser opens only six connections to a server.
 *
 * It resumes after a lost connection with the last event of each job that it has seen, and says how things stand.
 */
import { parseJson } from "./seeds";
import { EventParser, eventsIn, type ServerEvent } from "./sse";
import { send } from "./http";
import type { JobEvent } from "./types";

/** As many jobs as the page follows at once; more wait for their turn. The server takes up to 32. */
export const MOST_FOLLOWED = 16;
const SILENCE_MS = 40_000;
/** Jobs that are accepted one after another are followed together. */
const GATHER_MS = 40;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 15_000;

export interface FollowerHooks {
  onEvent(event: JobEvent): void;
  /** `retryAtMs` is when the next try will be made; null where the connection stands. */
  onConnection(retryAtMs: number | null): void;
}

export class Follower {
  private readonly wanted = new Set<string>();
  private readonly seen = new Map<string, string>();
  private stream: AbortController | null = null;
  private following = new Set<string>();
  private failures = 0;
  /** When to connect again after a stream that the server ends itself, as before a restart. */
  private resumeInMs: number | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly hooks: FollowerHooks) {}

  /** Follows these jobs from now on, in this order, as many as can be followed at once. */
  follow(ids: Iterable<string>): void {
    this.wanted.clear();
    for (const id of ids) this.wanted.add(id);
    for (const id of this.seen.keys()) if (!this.wanted.has(id)) this.seen.delete(id);
    if (this.wanted.size === 0) return this.stop();
    // A stream of more jobs than are wanted ends by itself: only what it lacks makes it worth a new one.
    if (this.failures === 0 && this.now().some((id) => !this.following.has(id))) this.connectIn(GATHER_MS);
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.stream?.abort();
    this.following.clear();
    this.connected();
  }

  /** Tries again at once, as when the machine is online again. */
  retryNow(): void {
    if (this.failures > 0) this.connectIn(0);
  }

  private now(): string[] {
    return [...this.wanted].slice(0, MOST_FOLLOWED);
  }

  private delay(): number {
    return Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.failures - 1));
  }

  private connectIn(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.connect(), ms);
  }

  private async connect(): Promise<void> {
    this.stream?.abort();
    const ids = this.now();
    this.following = new Set(ids);
    this.resumeInMs = null;
    const stream = (this.stream = new AbortController());
    try {
      await this.read(ids, stream.signal);
      if (!stream.signal.aborted) this.ended();
    } catch {
      if (!stream.signal.aborted) this.retry();
    }
  }

  private ended(): void {
    if (!this.now().some((id) => this.following.has(id))) return this.following.clear();
    if (this.resumeInMs === null) throw new Error("the stream ended before the jobs");
    this.connectIn(this.resumeInMs);
  }

  private retry(): void {
    this.failures += 1;
    this.hooks.onConnection(Date.now() + this.delay());
    this.connectIn(this.delay());
  }

  private async read(ids: string[], signal: AbortSignal): Promise<void> {
    const query = new URLSearchParams(ids.map((id) => ["job", this.seen.has(id) ? `${id}@${this.seen.get(id)}` : id]));
    const answer = await send(`/api/v1/events?${query}`, { signal });
    if (answer.body === null) return;
    for await (const event of eventsIn(answer.body, new EventParser(), SILENCE_MS)) {
      if (signal.aborted) return;
      this.take(event);
    }
  }

  private connected(): void {
    this.failures = 0;
    this.hooks.onConnection(null);
  }

  private take(event: ServerEvent): void {
    const { job_id: jobId, data } = parseJson(event.data) as { job_id: string; data: unknown };
    const id = event.id.split("@")[1] ?? "";
    if (event.event !== "failed") this.connected();
    this.seen.set(jobId, id);
    const told = { jobId, id, name: event.event, data } as JobEvent;
    if (told.name === "closing") this.resumeInMs = told.data.retry_after_s * 1000;
    this.hooks.onEvent(told);
  }
}
