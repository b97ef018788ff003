/** The images of all jobs in the order in which they are shown, loaded page by page. */
import { computed, signal } from "@preact/signals";
import { explain } from "../api/errors";
import { getJob, listJobs } from "../api/http";
import { seedPlus } from "../api/seeds";
import type { Image } from "../api/types";
import { addListed, entriesNow, entrySignal, fieldsOf, isActive, keyOf, order, shape, update, type Entry } from "./entries";
import { say } from "./status";

const PAGE = 100;
/** Jobs of one request for several images are accepted within this time of each other. */
const TOGETHER_MS = 60_000;
/** What a list leaves of a text. */
const LISTED_CHARACTERS = 200;

/** One tile: an image of a job, finished or not. */
export interface Tile {
  /** The job's id, or its entry's key before it has one, and the image's index. It outlives a reload. */
  key: string;
  entry: string;
  index: number;
}

export const tiles = computed<readonly Tile[]>(() => {
  void order.value, shape.value;
  return arrange(entriesNow());
});

/** Null where all is loaded; undefined before the first page. */
const cursor = signal<string | null | undefined>(undefined);
export const loading = signal(false);
export const loaded = computed(() => cursor.value !== undefined);
export const complete = computed(() => cursor.value === null);

/**
 * The newest first, but the images of one request in the order in which they were asked for. A request for several is
 * a job for each, with seeds that count up: that is how they are known again after a reload.
 */
export function arrange(newestFirst: readonly Entry[]): Tile[] {
  const shown: Entry[] = [];
  let run: Entry[] = [];
  for (const entry of newestFirst) {
    const last = run.at(-1);
    if (last !== undefined && !isFollowedBy(entry, last)) {
      shown.push(...run.reverse());
      run = [];
    }
    run.push(entry);
  }
  return [...shown, ...run.reverse()].flatMap(tilesOf);
}

/** Whether `next` was asked for right after `entry`, by the same request. */
function isFollowedBy(entry: Entry, next: Entry): boolean {
  return (
    entry.seeds.length === 1 &&
    next.seeds.length === 1 &&
    next.seeds[0] === seedPlus(entry.seeds[0]!, 1) &&
    asListed(next.prompts[0]) === asListed(entry.prompts[0]) &&
    Math.abs(next.createdAt - entry.createdAt) < TOGETHER_MS
  );
}

const asListed = (prompt: string | undefined): string | undefined => prompt?.slice(0, LISTED_CHARACTERS);

function tilesOf(entry: Entry): Tile[] {
  const tile = (index: number): Tile => ({ key: `${entry.id ?? entry.key}/${index}`, entry: entry.key, index });
  if (isActive(entry)) return entry.seeds.map((_, index) => tile(index));
  if (entry.images.length > 0) return entry.images.map(({ index }) => tile(index));
  return entry.status === "canceled" && entry.asked === null ? [] : [tile(0)];
}

export function imageOf(tile: Tile): { entry: Entry; image: Image } | null {
  const entry = entrySignal(tile.entry)?.peek();
  const image = entry?.images.find(({ index }) => index === tile.index);
  return entry && image ? { entry, image } : null;
}

export async function loadMore(): Promise<void> {
  if (loading.peek() || cursor.peek() === null) return;
  loading.value = true;
  try {
    const page = await listJobs(PAGE, cursor.peek() ?? null);
    addListed(page.data);
    cursor.value = page.next_cursor;
  } catch (error) {
    say(explain(error), "error");
  } finally {
    loading.value = false;
  }
}

/** Asks for what a list has left out of a job. */
export async function makeWhole({ key, id, whole }: Entry): Promise<void> {
  if (whole || id === null) return;
  const job = await getJob(id).catch(() => null);
  if (job !== null) update(key, fieldsOf(job));
}

/** Looks for jobs that others have sent meanwhile, such as another tab. */
export async function refresh(): Promise<void> {
  if (!loaded.peek()) return loadMore();
  const page = await listJobs(20).catch(() => null);
  if (page !== null) addListed(page.data);
}

/** Loads pages until a tile is there, or as many as there are. */
export async function loadUntil(key: string): Promise<void> {
  const jobId = key.split("/")[0] ?? "";
  const most = 50;
  for (let page = 0; page < most && !complete.peek() && keyOf(jobId) === undefined; page += 1) await loadMore();
}
