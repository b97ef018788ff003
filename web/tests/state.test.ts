import { describe, expect, test } from "vitest";
import type { Image, JobEvent } from "../src/api/types";
import { fromHash, leftOut, toHash } from "../src/state/address";
import { addJobs, addListed, addNewest, changesOf, entriesNow, order, remove, update, type Entry } from "../src/state/entries";
import { arrange } from "../src/state/gallery";
import { heightOf, layoutOf, positionOf, rangeInSight } from "../src/state/layout";
import { problemsOf } from "../src/state/limits";
import { requestOf } from "../src/state/request";
import { modelOf, NOTHING, type Field, type Values } from "../src/state/settings";
import { EDITOR, entryOf, KNOWN } from "./known";

const MODEL = KNOWN.models[0]!;

describe("settings", () => {
  test("go into the address and come back, whatever the prompt holds", () => {
    const chosen = { ...NOTHING, prompt: "a & b = #c, 100% ü\n<b>", steps: "5", seed: "7" };
    expect(fromHash(`#${toHash(chosen)}`)).toEqual(chosen);
    expect(toHash(NOTHING)).toBe("");
  });

  test("that are empty are left to the server", () => {
    expect(requestOf({ ...NOTHING, prompt: " a circle " }, "7", 10)).toEqual({ prompt: "a circle", seed: "7", previews: 10 });
  });

  test("that no link carries are named in it instead", () => {
    const hash = toHash({ ...NOTHING, prompt: "x", image: "ab", mask: "cd", strength: "0.5" });
    expect(hash).toBe("prompt=x&strength=0.5&without=image+mask");
    expect(fromHash(hash)).toMatchObject({ strength: "0.5", image: "", mask: "" });
    expect(leftOut(hash)).toEqual(["image", "mask"]);
    expect([leftOut("prompt=x"), leftOut("without=steps"), fromHash("image=ab").image]).toEqual([[], [], ""]);
  });

  test("find the model by its name, its alias, or else take the default one", () => {
    expect(["bundled", "small", "gone", ""].map((name) => modelOf(KNOWN, name)?.id)).toEqual(Array(4).fill("bundled"));
    expect(modelOf(null, "bundled")).toBeNull();
  });
});

describe("limits", () => {
  const problems = (changes: object) => Object.keys(problemsOf({ ...NOTHING, ...changes }, KNOWN, MODEL));

  test("let the model's own choices pass", () => {
    expect(problems({})).toEqual([]);
    expect(problems({ steps: "50", guidance: "0", width: "64", height: "256", seed: "9223372036854775807", count: "100" })).toEqual([]);
  });

  test.each([
    ["steps", "51"],
    ["steps", "1.5"],
    ["steps", "13"],
    ["guidance", "21"],
    ["guidance", "x"],
    ["width", "100"],
    ["height", "264"],
    ["seed", "-1"],
    ["seed", "9223372036854775808"],
    ["count", "0"],
    ["rescale", "1.1"],
    ["quality", "101"],
    ["deadline", "0"],
    ["cropTop", "-1"],
    ["originalWidth", "64"],
    ["refiner", "gone"],
  ])("refuse %s of %s", (field, value) => {
    expect(problems({ [field]: value })).toEqual([field]);
  });

  test.each<[Field, string, Partial<Values>]>([
    ["strength", "2", { image: "ab" }],
    ["extendLeft", "5000", { image: "ab" }],
    ["imageGuidance", "2", { image: "ab" }],
    ["switchAt", "1", { refiner: "finisher" }],
    ["hiresScale", "1", { hires: "scale", width: "128", height: "128" }],
    ["hiresSteps", "13", { hires: "scale", width: "128", height: "128" }],
    ["hiresWidth", "65", { hires: "size", hiresHeight: "64", width: "128", height: "128" }],
  ])("refuse %s of %s where it has an effect, and there alone", (field, value, others) => {
    expect(problems({ ...others, [field]: value })).toEqual([field]);
    expect(problems({ [field]: value })).toEqual([]);
  });

  test("ask for the image that a model cannot do without", () => {
    const needy = { ...MODEL, required_inputs: ["image"] } as typeof MODEL;
    expect(problemsOf(NOTHING, KNOWN, needy).prompt).toContain("starts from an image");
    expect(problemsOf({ ...NOTHING, image: "ab" }, KNOWN, needy)).toEqual({});
  });

  test("name what the model cannot do, or not together", () => {
    const plain = { ...MODEL, inputs: [] } as typeof MODEL;
    expect(Object.keys(problemsOf({ ...NOTHING, image: "ab", mask: "cd" }, KNOWN, plain))).toEqual(["image", "mask"]);
    const hires = { hires: "scale", hiresScale: "1.5" };
    expect(problems({ image: "ab", ...hires })).toEqual(["hires"]);
    expect(problems({ hires: "size", hiresWidth: "64", width: "128", height: "128" })).toEqual(["hires"]);
    expect(problems({ ...hires, refiner: "finisher" })).toEqual(["refiner"]);
    expect(problems({ refiner: "finisher" })).toEqual([]);
    expect(Object.keys(problemsOf({ ...NOTHING, image: "ab", strength: "0.5", imageGuidance: "2" }, KNOWN, EDITOR))).toEqual(["strength"]);
    const painter = { ...MODEL, required_inputs: ["image", "mask"] } as typeof MODEL;
    expect(problemsOf({ ...NOTHING, image: "ab" }, KNOWN, painter).prompt).toContain("mask");
  });

  test("of pixels hold for the image that a first pass is enlarged to", () => {
    expect(problems({ hires: "scale" })).toEqual(["width"]);
    expect(problems({ hires: "scale", hiresScale: "1.5" })).toEqual([]);
    expect(problems({ hires: "scale", width: "128", height: "128" })).toEqual([]);
  });

  test("are those of the sampler, and of width and height together", () => {
    expect(problems({ sampler: "ddim", steps: "21" })).toEqual(["steps"]);
    expect(problems({ schedule: "karras", steps: "13" })).toEqual([]);
    expect(problems({ width: "256", height: "256" })).toEqual(["width"]);
    expect(problems({ prompt: "x".repeat(100) })).toEqual(["prompt"]);
  });
});

describe("the gallery", () => {
  const keys = (...entries: Parameters<typeof arrange>[0]) => arrange(entries).map(({ key }) => key);
  const made = (key: string, seed: string, createdAt: number, prompt = "x") =>
    entryOf({ key, seeds: [seed], createdAt, prompts: [prompt], status: "queued" });

  test("shows the newest first, and the images of one request in the order in which they were asked for", () => {
    const request = [made("c", "3", 30), made("b", "2", 20), made("a", "1", 10)];
    expect(keys(made("later", "99", 50), ...request, made("before", "50", 1))).toEqual(["later/0", "a/0", "b/0", "c/0", "before/0"]);
  });

  test("takes only jobs of the same prompt and time for one request", () => {
    expect(keys(made("b", "2", 20, "y"), made("a", "1", 10))).toEqual(["b/0", "a/0"]);
    expect(keys(made("b", "2", 100_000), made("a", "1", 10))).toEqual(["b/0", "a/0"]);
  });

  test("has a tile for each image of a job, and none for what was canceled before this visit", () => {
    const image = { index: 1 } as Image;
    expect(keys(entryOf({ key: "a", seeds: ["1", "2"], status: "running" }))).toEqual(["a/0", "a/1"]);
    expect(keys(entryOf({ key: "a", seeds: ["1", "2"], status: "failed", images: [image] }))).toEqual(["a/1"]);
    expect(keys(entryOf({ key: "a", status: "canceled" }))).toEqual([]);
    expect(keys(entryOf({ key: "a", status: "canceled", asked: { prompt: "x", seed: "1" } }))).toEqual(["a/0"]);
  });
});

describe("the layout", () => {
  test("fills the width, with two columns at least", () => {
    for (const width of [280, 347, 480, 853, 1600]) {
      const { columns, side, gap } = layoutOf(width);
      expect(columns).toBeGreaterThanOrEqual(2);
      expect(columns * side + (columns - 1) * gap).toBeCloseTo(width);
    }
  });

  test("draws few of a thousand tiles, and all that are in sight", () => {
    const layout = layoutOf(900);
    const height = heightOf(layout, 1000);
    for (const top of [0, 5_000, height - 800]) {
      const [first, end] = rangeInSight(layout, top, 800, 1000);
      expect(end - first).toBeLessThan(70);
      expect(positionOf(layout, first).top).toBeLessThanOrEqual(top);
      expect(Math.min(height, top + 800)).toBeLessThanOrEqual(positionOf(layout, end - 1).top + layout.rowHeight);
    }
  });
});

describe("entries", () => {
  const job = (id: string, at: string) =>
    ({
      id,
      status: "queued",
      created_at: at,
      seeds: ["1"],
      images: [],
      progress: { step: 0, steps: 1, loading_s: null },
      request: { prompts: ["x"] },
    }) as unknown as Parameters<typeof addJobs>[0][number];

  test("are sorted by when they were accepted; what is not accepted yet comes after", () => {
    addNewest([entryOf({ key: "mine", id: null })]);
    addJobs([job("old", "2026-01-01T00:00:00Z"), job("new", "2026-01-02T00:00:00Z")]);
    expect(order.value).toEqual(["mine", "new", "old"]);
    addJobs([job("between", "2026-01-01T12:00:00Z"), job("new", "2026-01-02T00:00:00Z")]);
    expect(order.value).toEqual(["mine", "new", "between", "old"]);
  });

  test("that were sent from here are known again in the list", () => {
    update("mine", { id: "job_1", status: "queued", createdAt: Date.parse("2026-01-03T00:00:00Z") });
    addJobs([job("job_1", "2026-01-03T00:00:00Z")]);
    expect(order.value).toEqual(["mine", "new", "between", "old"]);
    remove("between");
    expect(entriesNow().map(({ key }) => key)).toEqual(["mine", "new", "old"]);
  });

  test("of a list know what it says, and the job itself the rest", () => {
    const prompt = "x".repeat(300);
    const listed = {
      ...job("job_2", "2026-01-04T00:00:00Z"),
      status: "succeeded",
      abridged: true,
      request: { prompts: [`${prompt.slice(0, 200)}…`] },
      images: [{ index: 0, sha256: "a" }],
    } as unknown as Parameters<typeof addListed>[0][number];
    const entry = (): Entry => entriesNow().find(({ id }) => id === "job_2")!;
    addListed([listed]);
    expect(entry()).toMatchObject({ whole: false, request: null, images: [{ index: 0, prompt: `${prompt.slice(0, 200)}…` }] });

    const whole = { ...job("job_2", "2026-01-04T00:00:00Z"), status: "succeeded", request: { prompts: [prompt] } };
    addJobs([{ ...whole, images: [{ index: 0, sha256: "a", prompt, timings: {} }] } as unknown as Parameters<typeof addJobs>[0][number]]);
    addListed([listed]);
    expect(entry()).toMatchObject({ whole: true, request: { prompts: [prompt] }, images: [{ index: 0, prompt, timings: {} }] });
    remove(entry().key);
  });

  test("of a list keep their place in the queue, which it does not tell", () => {
    addListed([job("job_3", "2026-01-05T00:00:00Z") as unknown as Parameters<typeof addListed>[0][number]]);
    update("job_3", { position: 2, etaS: 7 });
    addListed([job("job_3", "2026-01-05T00:00:00Z") as unknown as Parameters<typeof addListed>[0][number]]);
    expect(entriesNow().find(({ id }) => id === "job_3")).toMatchObject({ position: 2, etaS: 7 });
    remove("job_3");
  });

  test("follow the events of their job", () => {
    const entry = entryOf({ key: "a", previews: { 0: { index: 0, step: 1, mime: "m", b64: "1" } } });
    const told = (name: string, data: object) => changesOf({ jobId: "a", id: "1.1", name, data } as JobEvent, entry);
    expect(told("preview", { index: 0, step: 2 }).previews).toEqual({ 0: { index: 0, step: 2 } });
    expect(told("progress", { step: 3, steps: 9, eta_s: 2, loading_s: null, queue_position: null })).toMatchObject({ step: 3, etaS: 2 });
    expect(told("status", { status: "running" })).toEqual({ status: "running" });
    expect(told("status", { status: "succeeded" })).toEqual({});
    expect(told("closing", { message: "Bye.", retry_after_s: 2 })).toEqual({});
    expect(told("image", { index: 0 }).images).toEqual([{ index: 0 }]);
  });
});
