import { describe, expect, test } from "vitest";
import type { Resolved } from "../src/api/types";
import { offersOf, sizeWithout } from "../src/state/offers";
import { requestOf, settingsOf } from "../src/state/request";
import { NOTHING, type Values } from "../src/state/settings";
import { EDITOR, KNOWN } from "./known";

const MODEL = KNOWN.models[0]!;
const asked = (changes: Partial<Values>): object => requestOf({ ...NOTHING, prompt: "x", ...changes }, "7", 10);
const BARE = { prompt: "x", seed: "7", previews: 10 };

const RESOLVED = {
  model: "bundled",
  negative_prompt: "blur",
  long_prompt: false,
  sampler: "euler",
  schedule: null,
  num_inference_steps: 5,
  guidance_scale: 3,
  guidance_rescale: 0,
  image_guidance_scale: 1,
  width: 64,
  height: 72,
  image: null,
  mask: null,
  strength: 1,
  keep_unmasked: false,
  hires: null,
  refiner: null,
  original_size: null,
  crop: [0, 0],
  target_size: null,
  output_format: "png",
  output_compression: null,
} as unknown as Resolved;

const again = (changes: Partial<Resolved>, model = MODEL): object =>
  requestOf(settingsOf({ ...RESOLVED, ...changes }, "a circle", "9", model), "9", 0);

describe("a request", () => {
  test.each([
    ["nothing of a start without an image", { mask: "cd", strength: "0.5", keepUnmasked: "1", imageGuidance: "2", extendLeft: "8" }, {}],
    [
      "a start with its mask and margins",
      { image: "ab", mask: "cd", keepUnmasked: "1", strength: "0.5", resize: "stretch", extendLeft: "8", extendBottom: "16" },
      { image: "ab", mask: "cd", keep_unmasked: true, strength: 0.5, resize_mode: "stretch", extend: { left: 8, bottom: 16 } },
    ],
    ["an edit's guidance", { image: "ab", imageGuidance: "1.5" }, { image: "ab", image_guidance_scale: 1.5 }],
    ["nothing of a hires fix that is off", { hiresScale: "2", hiresSteps: "4" }, {}],
    ["a hires fix by a factor", { hires: "scale", hiresWidth: "64" }, { hires: {} }],
    [
      "a hires fix of a size",
      { hires: "size", hiresScale: "3", hiresWidth: "64", hiresHeight: "72", hiresSteps: "4", hiresStrength: "0.4", upscaler: "area" },
      { hires: { width: 64, height: 72, steps: 4, strength: 0.4, upscaler: "area" } },
    ],
    ["a refiner", { refiner: "finisher", switchAt: "0.7" }, { refiner: { model: "finisher", switch_at: 0.7 } }],
    ["no share without a refiner", { switchAt: "0.7" }, {}],
    [
      "the sizes that a model is told",
      { originalWidth: "512", originalHeight: "256", cropLeft: "8", targetWidth: "64", targetHeight: "64" },
      { original_size: [512, 256], crop: [8, 0], target_size: [64, 64] },
    ],
    ["guidance and length", { rescale: "0", longPrompt: "1" }, { guidance_rescale: 0, long_prompt: true }],
    ["the file", { format: "webp", quality: "80", deadline: "60" }, { output_format: "webp", output_compression: 80, deadline_s: 60 }],
  ])("has %s", (_, changes, fields) => {
    expect(asked(changes as Partial<Values>)).toEqual({ ...BARE, ...fields });
  });
});

describe("the settings of an image", () => {
  test("make the same request again", () => {
    expect(again({})).toEqual({
      prompt: "a circle",
      negative_prompt: "blur",
      model: "bundled",
      sampler: "euler",
      num_inference_steps: 5,
      guidance_scale: 3,
      guidance_rescale: 0,
      width: 64,
      height: 72,
      seed: "9",
      previews: 0,
    });
  });

  test.each<[string, Partial<Resolved>]>([
    ["a start under a mask", { image: "ab", mask: "cd", strength: 0.5, keep_unmasked: true }],
    ["a hires fix", { hires: { width: 64, height: 64, steps: 4, strength: 0.4, upscaler: "area" } }],
    ["a refiner", { refiner: { model: "finisher", switch_at: 0.7 } }],
    ["the sizes that the model was told", { original_size: [512, 256], crop: [0, 8], target_size: [64, 64] }],
    ["guidance, length and file", { guidance_rescale: 0.7, long_prompt: true, output_format: "webp", output_compression: 80 }],
  ])("have %s", (_, changes) => {
    expect(again(changes)).toMatchObject(changes);
  });

  test("have an edit's guidance where it is not the model's own, and no strength", () => {
    expect(again({ image: "ab", image_guidance_scale: 1.5 }, EDITOR)).not.toHaveProperty("image_guidance_scale");
    const turnedOff = again({ image: "ab", image_guidance_scale: 1 }, EDITOR);
    expect(turnedOff).toMatchObject({ image: "ab", image_guidance_scale: 1 });
    expect(turnedOff).not.toHaveProperty("strength");
  });
});

describe("a model offers", () => {
  test("what the server says of it", () => {
    const all = { image: true, mask: true, edits: false, hires: true, refiners: ["finisher"], longPrompt: true };
    expect(offersOf(MODEL, KNOWN)).toEqual(all);
    expect(offersOf(EDITOR, KNOWN)).toEqual({ ...all, mask: false, edits: true, hires: false, refiners: [] });
    expect(offersOf(MODEL, { ...KNOWN, features: [] })).toMatchObject({ hires: false, refiners: [] });
    expect(Object.values(offersOf(null, null)).flat().filter(Boolean)).toEqual([]);
  });

  test("a size that grows with a hires fix", () => {
    const size = (changes: Partial<Values>): number[] => Object.values(sizeWithout({ ...NOTHING, ...changes }, MODEL) ?? {});
    expect(size({})).toEqual([128, 128]);
    expect(size({ hires: "scale", hiresScale: "1.5" })).toEqual([192, 192]);
    expect(size({ hires: "size", hiresWidth: "64", hiresHeight: "96" })).toEqual([128, 192]);
  });
});
