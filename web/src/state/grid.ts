/** A grid: the same request with one setting changing along each of two axes. */
import { MOST_IMAGES, type Field, type Values } from "./settings";

export const AXES = {
  steps: "Steps",
  guidance: "Guidance",
  sampler: "Sampler",
  schedule: "Schedule",
  seed: "Seed",
  seeds: "Random seeds",
  prompt: "Words of the prompt",
  model: "Model",
  width: "Width",
  height: "Height",
  strength: "Strength",
} as const satisfies Partial<Record<Field | "seeds", string>>;
/** An axis of `seeds` has as many values as seeds are wanted. `drawn` makes it one of `seed`. */
export type AxisField = keyof typeof AXES;

export interface Axis {
  field: AxisField;
  values: string[];
}

export interface Grid {
  x: Axis;
  y: Axis;
  prompt: string;
  /** The job of each cell, row by row; null where it is not accepted yet. */
  jobs: (string | null)[];
}

export function axisFrom(field: AxisField, text: string): Axis {
  if (field !== "seeds" || text.trim() === "") return { field, values: valuesIn(text) };
  const count = /^\d+$/.test(text.trim()) ? Number(text) || 1 : 1;
  // A grid may have no more images than this, so that one more value is as wrong as any number of them.
  return { field, values: Array.from({ length: Math.min(count, MOST_IMAGES + 1) }, (_, index) => String(index + 1)) };
}

/** The axis with its random seeds, all of them different. `draw` gives a seed. */
export function drawn(axis: Axis, draw: () => string): Axis {
  if (axis.field !== "seeds") return axis;
  const found = new Set<string>();
  while (found.size < axis.values.length) found.add(draw());
  return { field: "seed", values: [...found] };
}

/** The values of an axis as they are typed: with commas, and ranges such as 4-12+4 for 4, 8, 12. */
export function valuesIn(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .flatMap(expanded);
}

function expanded(part: string): string[] {
  const [, from = 0, to = 0, by = 0] = (/^(\d+)\s*-\s*(\d+)\s*\+\s*(\d+)$/.exec(part) ?? []).map(Number);
  if (by === 0 || to < from || (to - from) / by > MOST_IMAGES) return [part];
  return Array.from({ length: Math.floor((to - from) / by) + 1 }, (_, index) => String(from + index * by));
}

/** What a row or column is called. Words and names speak for themselves. */
export function labelOf({ field, values }: Axis, index: number): string {
  const value = values[index] ?? "";
  return ["prompt", "sampler", "schedule", "model"].includes(field) || value === "" ? value : `${AXES[field]} ${value}`;
}

/** The settings of each cell, row by row. An axis without values has one: what the settings say anyway. */
export function cellsOf(base: Values, x: Axis, y: Axis): Values[] {
  const along = (axis: Axis): (string | null)[] => (axis.values.length > 0 ? axis.values : [null]);
  return along(y).flatMap((high) => along(x).map((wide) => applied(applied(base, x, wide), y, high)));
}

const settingOf = (field: AxisField): Field => (field === "seeds" ? "seed" : field);

function applied(values: Values, { field, values: all }: Axis, value: string | null): Values {
  if (value === null) return values;
  if (field !== "prompt") return { ...values, [settingOf(field)]: value };
  return { ...values, prompt: values.prompt.replaceAll(all[0]!, value) };
}

/** What keeps a grid from being made, as a sentence; null where nothing does. */
export function problemOf(base: Values, x: Axis, y: Axis): string | null {
  if (base.prompt.trim() === "") return "Write a prompt in the form first.";
  const miscounted = [x, y].some(({ field, values }) => field === "seeds" && values.length === 1);
  if (miscounted) return `Write how many random seeds there are to be: a whole number from 2 to ${MOST_IMAGES}.`;
  if (x.values.length < 2 && y.values.length < 2) return "Give at least two values for one of the two settings.";
  if (settingOf(x.field) === settingOf(y.field) && x.values.length > 0 && y.values.length > 0) return "Choose two different settings.";
  const cells = Math.max(1, x.values.length) * Math.max(1, y.values.length);
  if (cells > MOST_IMAGES) return `A grid may have ${MOST_IMAGES} images at most. Give fewer values.`;
  const words = [x, y].find(({ field, values }) => field === "prompt" && values.length > 0)?.values[0];
  if (words !== undefined && !base.prompt.includes(words)) return `The prompt does not contain “${words}”. The first value names what is replaced.`;
  return null;
}
