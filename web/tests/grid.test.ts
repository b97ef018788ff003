import { expect, test } from "vitest";
import { axisFrom, cellsOf, drawn, labelOf, problemOf, valuesIn, type Axis } from "../src/state/grid";
import { NOTHING } from "../src/state/settings";

const BASE = { ...NOTHING, prompt: "a red circle", seed: "7" };
const axis = (field: Axis["field"], ...values: string[]): Axis => ({ field, values });

test("values are typed with commas, and as ranges", () => {
  expect(valuesIn(" 4, 8 ,, 12-20+4")).toEqual(["4", "8", "12", "16", "20"]);
  expect(valuesIn("euler, dpm++_2m, 1-2, 5-1+1, 0-9999999+1, 4-8+0")).toEqual(["euler", "dpm++_2m", "1-2", "5-1+1", "0-9999999+1", "4-8+0"]);
});

test("cells come row by row, with one seed", () => {
  const cells = cellsOf(BASE, axis("steps", "4", "8"), axis("guidance", "1", "3"));
  expect(cells.map(({ steps, guidance }) => [steps, guidance])).toEqual([["4", "1"], ["8", "1"], ["4", "3"], ["8", "3"]]);
  expect(new Set(cells.map(({ seed }) => seed))).toEqual(new Set(["7"]));
});

test("words of the prompt are replaced, the first one by itself", () => {
  const cells = cellsOf(BASE, axis("prompt", "red", "blue"), axis("steps"));
  expect(cells.map(({ prompt }) => prompt)).toEqual(["a red circle", "a blue circle"]);
});

test("a grid that cannot be made says why", () => {
  const steps = axis("steps", "4", "8");
  expect(problemOf(BASE, steps, axis("guidance"))).toBeNull();
  expect(problemOf(NOTHING, steps, axis("guidance"))).toContain("prompt");
  expect(problemOf(BASE, axis("steps", "4"), axis("guidance"))).toContain("two values");
  expect(problemOf(BASE, steps, steps)).toContain("different");
  expect(problemOf(BASE, axis("seed", ...valuesIn("1-11+1")), axis("steps", ...valuesIn("1-10+1")))).toContain("100");
  expect(problemOf(BASE, axis("prompt", "green", "blue"), axis("steps"))).toContain("green");
});

test("rows and columns are called by the setting's name where the value alone says little", () => {
  expect(labelOf(axis("steps", "4"), 0)).toBe("Steps 4");
  expect(labelOf(axis("prompt", "red"), 0)).toBe("red");
  expect(labelOf(axis("steps"), 0)).toBe("");
});

test("random seeds are counted, drawn when the grid is made, and all different", () => {
  const draws = ["5", "5", "9", "7"];
  const seeds = drawn(axisFrom("seeds", " 3 "), () => draws.shift()!);
  expect(seeds).toEqual(axis("seed", "5", "9", "7"));
  expect(cellsOf(BASE, seeds, axis("steps")).map(({ seed }) => seed)).toEqual(["5", "9", "7"]);
  expect(drawn(axis("steps", "4"), () => "1")).toEqual(axis("steps", "4"));
});

test("a number of random seeds that cannot be had says why", () => {
  const problem = (text: string, y = axis("steps")) => problemOf(BASE, axisFrom("seeds", text), y);
  expect(problem("4")).toBeNull();
  for (const text of ["1", "0", "some", "2, 3"]) expect(problem(text)).toContain("how many random seeds");
  expect(problem("1000000000")).toContain("100");
  expect(problem("4", axis("seed", "1", "2"))).toContain("different");
  expect(problem("")).toContain("two values");
});
