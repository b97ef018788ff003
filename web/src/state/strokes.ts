/** A mask as it is painted: strokes one after another, each of which can be undone. Pixels are those of the image. */
import { computed, signal } from "@preact/signals";
import { settings } from "./settings";

export interface Point {
  x: number;
  y: number;
}

export interface Stroke {
  kind: "paint" | "erase";
  radius: number;
  points: readonly Point[];
}

/** What changes the whole mask is undone like a stroke. */
export type Change = Stroke | { kind: "clear" } | { kind: "invert" };

const painted = signal<{ image: string; changes: readonly Change[] }>({ image: "", changes: [] });

/** The changes to the mask of the start image, the first one first. They are kept until another image is painted on. */
export const changes = computed<readonly Change[]>(() => (painted.value.image === settings.image.value ? painted.value.changes : []));

export function addChange(change: Change): void {
  painted.value = { image: settings.image.peek(), changes: [...changes.peek(), change] };
}

export function undoChange(): void {
  painted.value = { image: settings.image.peek(), changes: changes.peek().slice(0, -1) };
}

export interface Box extends Point {
  width: number;
  height: number;
}

/** Where in an image of this size a place on the screen is. `box` is where the image is shown. */
export function pixelAt(place: Point, box: Box, size: { width: number; height: number }): Point {
  return { x: ((place.x - box.x) * size.width) / box.width, y: ((place.y - box.y) * size.height) / box.height };
}

/** Where an arrow key moves the brush to; null for other keys. */
export function movedBy(key: string, from: Point, by: number, size: { width: number; height: number }): Point | null {
  const [x, y] = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[key] ?? [];
  if (x === undefined || y === undefined) return null;
  return { x: Math.min(size.width, Math.max(0, from.x + x)), y: Math.min(size.height, Math.max(0, from.y + y)) };
}
