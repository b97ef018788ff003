/** Sends requests, follows the jobs that they become, and cancels them. */
import { effect } from "@preact/signals";
import { explain, explainFailure } from "../api/errors";
import { Follower } from "../api/follow";
import { ApiError, cancelJob, createJob, deleteJob } from "../api/http";
import type { Job, JobEvent, JobRequest } from "../api/types";
import { addNewest, BLANK, changesOf, entriesNow, entrySignal, fieldsOf, isActive, keyOf, order, remove, shape, update, type Entry } from "./entries";
import { retryAt, say } from "./status";

const RETRY_S = 2;
const LONGEST_RETRY_S = 30;

/** Entries that wait to be sent, in order: one is sent at a time, so that the server gets them in that order. */
const unsent: string[] = [];
let sending = false;

const follower = new Follower({
  onEvent: take,
  onConnection(at) {
    if (at === null && retryAt.peek() !== null && entriesNow().some(isActive)) say("Connected to the server again.");
    retryAt.value = at;
  },
});

/** Shows an entry for each request at once, and sends them. Returns their keys. */
export function submit(requests: JobRequest[]): string[] {
  const entries = requests.map(unsentEntry);
  addNewest([...entries].reverse());
  unsent.push(...entries.map(({ key }) => key));
  void sendAll();
  return entries.map(({ key }) => key);
}

function unsentEntry(request: JobRequest, index: number): Entry {
  const key = [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("-");
  const { prompt, seed } = request;
  return { ...BLANK, key, asked: request, prompts: [prompt], seeds: [seed], createdAt: Date.now() + index / 1000 };
}

async function sendAll(): Promise<void> {
  if (sending) return;
  sending = true;
  for (let key = unsent[0]; key !== undefined; key = unsent[0]) {
    const entry = entrySignal(key)?.peek();
    if (entry?.status === "unsent") await sendUntilAnswered(entry);
    unsent.shift();
  }
  sending = false;
}

async function sendUntilAnswered(entry: Entry): Promise<void> {
  const { key, asked } = entry;
  for (let tries = 0; asked !== null && entrySignal(key)?.peek().status === "unsent"; tries += 1) {
    try {
      accepted(key, await createJob(asked, key));
      return;
    } catch (error) {
      if (!(error instanceof ApiError && error.passes)) {
        update(key, { status: "failed", note: explain(error) });
        say(explain(error), "error");
        return;
      }
      const waitS = error.retryAfterS ?? Math.min(LONGEST_RETRY_S, RETRY_S * 2 ** tries);
      update(key, { note: `${explain(error)} It is sent again in ${Math.ceil(waitS)} s.` });
      await pause(waitS * 1000);
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function accepted(key: string, job: Job): void {
  const wanted = entrySignal(key)?.peek().status === "unsent";
  if (wanted) return update(key, fieldsOf(job));
  // It was canceled while the answer was under way.
  update(key, { id: job.id });
  void cancelJob(job.id).catch(() => undefined);
}

function take(event: JobEvent): void {
  const key = keyOf(event.jobId);
  const entry = key === undefined ? undefined : entrySignal(key)?.peek();
  if (key === undefined || entry === undefined) return;
  if (event.name === "failed" && event.data.code === "gone") return remove(key);
  update(key, changesOf(event, entry));
  if (event.name === "done") ended(key, event.data);
}

function ended(key: string, job: Job): void {
  if (job.error !== null) update(key, { note: explainFailure(job.error) });
  const prompt = job.request.prompts[0] ?? "";
  const left = entriesNow().filter(isActive).length;
  const rest = left === 0 ? "" : ` ${left} more to come.`;
  if (job.status === "succeeded") say(`Finished: ${prompt.slice(0, 80)}.${rest}`, "quiet");
  if (job.error !== null) say(explainFailure(job.error), "error");
}

/** Cancels what the server has there, and does not send what it has not. */
export async function cancel(key: string): Promise<void> {
  const entry = entrySignal(key)?.peek();
  if (entry === undefined || !isActive(entry)) return;
  if (entry.id === null) return update(key, { status: "canceled", note: null });
  try {
    update(key, { ...fieldsOf(await cancelJob(entry.id)), previews: {} });
    say("Canceled.", "quiet");
  } catch (error) {
    say(explain(error), "error");
  }
}

export async function cancelAll(): Promise<void> {
  await Promise.all(entriesNow().filter(isActive).map(({ key }) => cancel(key)));
}

/** Deletes the job with its images, also on the server. */
export async function discard(key: string): Promise<void> {
  const entry = entrySignal(key)?.peek();
  try {
    if (entry?.id) await deleteJob(entry.id);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) return say(explain(error), "error");
  }
  remove(key);
}

export function sendAgain(key: string): void {
  const asked = entrySignal(key)?.peek().asked;
  if (!asked) return;
  remove(key);
  submit([asked]);
}

/** Follows whatever has not ended, the oldest first. */
export function followActive(): void {
  effect(() => {
    void order.value, shape.value;
    follow();
  });
  addEventListener("online", () => follower.retryNow());
  // A hidden page gives its connection back: a browser has only six to a server, for all of its tabs.
  document.addEventListener("visibilitychange", follow);
}

function follow(): void {
  const active = document.hidden ? [] : entriesNow().filter(isActive).reverse();
  follower.follow(active.flatMap(({ id }) => (id === null ? [] : [id])));
}
