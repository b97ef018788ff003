/** The jobs that the page knows: those of the server, and those that it has not accepted yet. */
import { signal, type Signal } from "@preact/signals";
import type { Image, Job, JobEvent, JobRequest, ListedJob, Preview, Resolved, Status } from "../api/types";

export interface Entry {
  /** Names the entry for as long as the page is open. */
  readonly key: string;
  /** The job's id; null until the server has accepted it. */
  id: string | null;
  status: Status | "unsent";
  /** Why it is not sent yet, or has failed, as a sentence. */
  note: string | null;
  /** Null until the server has accepted it, and where a list has cut its texts. */
  request: Resolved | null;
  /** Whether all that the server knows of the job is here, or only what a list says. */
  whole: boolean;
  /** What was asked for, where this page asked. */
  asked: JobRequest | null;
  prompts: string[];
  seeds: string[];
  images: Image[];
  previews: Record<number, Preview>;
  step: number;
  steps: number;
  etaS: number | null;
  /** When `etaS` was told, in milliseconds. */
  etaAt: number;
  loadingS: number | null;
  position: number | null;
  createdAt: number;
}

const store = new Map<string, Signal<Entry>>();
const keys = new Map<string, string>();

/** Keys of all entries, the newest first. */
export const order = signal<readonly string[]>([]);

/** Grows when an entry gets or loses an image or an end: what `order` alone does not tell. */
export const shape = signal(0);

export const isActive = ({ status }: Entry): boolean => status === "unsent" || status === "queued" || status === "running";

export function entrySignal(key: string): Signal<Entry> | undefined {
  return store.get(key);
}

export function keyOf(jobId: string): string | undefined {
  return keys.get(jobId);
}

export function entriesNow(): Entry[] {
  return order.peek().flatMap((key) => store.get(key)?.peek() ?? []);
}

export function addNewest(entries: Entry[]): void {
  for (const entry of entries) register(entry);
  order.value = [...entries.map(({ key }) => key), ...order.peek()];
}

/** Adds jobs, or brings known ones up to date. All entries are sorted by when their jobs were accepted. */
export function addJobs(jobs: Job[]): void {
  for (const job of jobs) if (keys.has(job.id)) update(keys.get(job.id)!, fieldsOf(job));
  addFresh(jobs.filter((job) => !keys.has(job.id)).map((job) => ({ ...BLANK, key: job.id, ...fieldsOf(job) })));
}

/** Adds jobs of a page of the list, or brings known ones up to date. What the list leaves out is not forgotten. */
export function addListed(jobs: ListedJob[]): void {
  const fresh: Entry[] = [];
  for (const job of jobs) {
    const key = keys.get(job.id);
    if (key === undefined) fresh.push({ ...BLANK, key: job.id, ...listedFieldsOf(job, BLANK) });
    else update(key, listedFieldsOf(job, store.get(key)!.peek()));
  }
  addFresh(fresh);
}

function addFresh(fresh: Entry[]): void {
  if (fresh.length === 0) return;
  for (const entry of fresh) register(entry);
  const all = [...order.peek(), ...fresh.map(({ key }) => key)];
  order.value = all.sort((one, other) => acceptedAt(other) - acceptedAt(one));
}

/** What is not accepted yet comes after everything that is, whatever the clocks of the two machines say. */
function acceptedAt(key: string): number {
  const { status, createdAt } = store.get(key)!.peek();
  return status === "unsent" ? Number.MAX_VALUE : createdAt;
}

export function remove(key: string): void {
  const entry = store.get(key)?.peek();
  if (entry?.id) keys.delete(entry.id);
  store.delete(key);
  order.value = order.peek().filter((each) => each !== key);
}

export function update(key: string, changes: Partial<Entry>): void {
  const kept = store.get(key);
  if (kept === undefined) return;
  const before = kept.peek();
  const after = { ...before, ...changes };
  if (after.id !== null && before.id === null) keys.set(after.id, key);
  kept.value = after;
  if (after.status !== before.status || after.images.length !== before.images.length) shape.value += 1;
}

export const BLANK = {
  id: null,
  status: "unsent",
  note: null,
  request: null,
  whole: true,
  asked: null,
  prompts: [],
  seeds: [],
  images: [],
  previews: {},
  step: 0,
  steps: 0,
  etaS: null,
  etaAt: 0,
  loadingS: null,
  position: null,
  createdAt: 0,
} satisfies Omit<Entry, "key">;

export function fieldsOf(job: Job): Omit<Entry, "key" | "asked" | "previews"> {
  return {
    id: job.id,
    status: job.status,
    note: null,
    request: job.request,
    whole: true,
    prompts: job.request.prompts,
    seeds: job.seeds,
    images: [...job.images].sort((one, other) => one.index - other.index),
    step: job.progress.step,
    steps: job.progress.steps,
    etaS: job.eta_s,
    etaAt: Date.now(),
    loadingS: job.progress.loading_s,
    position: job.queue_position,
    createdAt: Date.parse(job.created_at),
  };
}

function listedFieldsOf(job: ListedJob, known: Omit<Entry, "key">): Omit<Entry, "key" | "asked" | "previews"> {
  const prompts = known.request === null ? job.request.prompts : known.request.prompts;
  const images = job.images.map(
    (image): Image => known.images.find(({ index }) => index === image.index) ?? { ...image, prompt: prompts[image.index] ?? "" },
  );
  const waits = job.status === "queued";
  return {
    id: job.id,
    status: job.status,
    note: null,
    request: known.request ?? (job.abridged ? null : job.request),
    whole: known.id !== null && known.whole && images.every((image) => known.images.includes(image)),
    prompts,
    seeds: job.seeds,
    images: images.sort((one, other) => one.index - other.index),
    step: job.progress.step,
    steps: job.progress.steps,
    etaS: waits ? known.etaS : job.eta_s,
    etaAt: waits ? known.etaAt : Date.now(),
    loadingS: job.progress.loading_s,
    position: waits ? known.position : null,
    createdAt: Date.parse(job.created_at),
  };
}

/** The changes that an event of a job means. */
export function changesOf(event: JobEvent, entry: Entry): Partial<Entry> {
  switch (event.name) {
    case "status": {
      // That a job has ended is believed when `done` tells how: what has ended is no longer followed.
      const { status } = event.data;
      return status === "queued" || status === "running" ? { status } : {};
    }
    case "progress": {
      const { step, steps, eta_s: etaS, loading_s: loadingS, queue_position: position } = event.data;
      return { step, steps, etaS, loadingS, position, etaAt: Date.now() };
    }
    case "preview":
      return { previews: { ...entry.previews, [event.data.index]: event.data } };
    case "image": {
      const others = entry.images.filter(({ index }) => index !== event.data.index);
      return { images: [...others, event.data].sort((one, other) => one.index - other.index) };
    }
    case "failed":
    case "closing": // The server ends the stream, as when it restarts. The job goes on, and so does the next stream.
      return {};
    case "done":
      return { ...fieldsOf(event.data), previews: {} };
  }
}

function register(entry: Entry): void {
  store.set(entry.key, signal(entry));
  if (entry.id !== null) keys.set(entry.id, entry.key);
}
