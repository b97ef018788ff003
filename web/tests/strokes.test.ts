import { expect, test } from "vitest";
import { settings } from "../src/state/settings";
import { addChange, changes, movedBy, pixelAt, undoChange } from "../src/state/strokes";

const SIZE = { width: 200, height: 100 };

test("a place on the screen is a pixel of the image, whatever size it is shown in", () => {
  expect(pixelAt({ x: 60, y: 30 }, { x: 10, y: 5, width: 100, height: 50 }, SIZE)).toEqual({ x: 100, y: 50 });
});

test("the arrow keys move the brush, and never out of the image", () => {
  expect(movedBy("ArrowRight", { x: 10, y: 50 }, 8, SIZE)).toEqual({ x: 18, y: 50 });
  expect(movedBy("ArrowUp", { x: 10, y: 5 }, 8, SIZE)).toEqual({ x: 10, y: 0 });
  expect(movedBy("ArrowRight", { x: 199, y: 5 }, 8, SIZE)).toEqual({ x: 200, y: 5 });
  expect(movedBy("a", { x: 1, y: 1 }, 8, SIZE)).toBeNull();
});

test("changes are undone one by one, and belong to one image", () => {
  settings.image.value = "ab";
  addChange({ kind: "invert" });
  addChange({ kind: "clear" });
  undoChange();
  expect(changes.value).toEqual([{ kind: "invert" }]);
  settings.image.value = "cd";
  expect(changes.value).toEqual([]);
  undoChange();
  expect(changes.value).toEqual([]);
});
