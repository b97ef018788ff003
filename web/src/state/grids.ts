/** The grids that were made in this browser: which jobs their cells are. The images themselves are the server's. */
import { effect, signal } from "@preact/signals";
import { getJob } from "../api/http";
import { addJobs, entrySignal, keyOf, shape } from "./entries";
import { AXES, type Grid } from "./grid";

const NAME = "darkroom.grids";
const MOST_KEPT = 12;

/** The newest first. */
export const grids = signal<Grid[]>(read());

function read(): Grid[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(NAME) ?? "[]");
    return Array.isArray(found) ? found.filter(isGrid) : [];
  } catch {
    return [];
  }
}

function isGrid(found: Grid): boolean {
  return [found.jobs, found.x.values, found.y.values].every(Array.isArray) && found.x.field in AXES && found.y.field in AXES;
}

/** Keeps a grid, whose jobs are filled in as the server accepts them. */
export function keep(grid: Grid, keys: string[]): void {
  grids.value = [grid, ...grids.peek()].slice(0, MOST_KEPT);
  const stop = effect(() => {
    void shape.value;
    const jobs = keys.map((key) => entrySignal(key)?.peek().id ?? null);
    const kept = grids.peek().find((each) => each.x === grid.x);
    if (kept === undefined || kept.jobs.join() === jobs.join()) return;
    grids.value = grids.peek().map((each) => (each.x === grid.x ? { ...each, jobs } : each));
    localStorage.setItem(NAME, JSON.stringify(grids.peek()));
    if (!jobs.includes(null)) queueMicrotask(() => stop());
  });
}

/** Asks the server for those jobs of a grid that the gallery has not loaded. */
export async function loadGrid(grid: Grid): Promise<void> {
  const missing = grid.jobs.filter((id) => id !== null && keyOf(id) === undefined);
  for (const id of missing) await getJob(id!).then((job) => addJobs([job]), () => undefined);
}
