import { describe, expect, test } from "vitest";
import { parametersIn } from "../src/metadata/files";
import { settingsFrom } from "../src/metadata/parameters";
import { KNOWN } from "./known";

const TEXT = [
  "a red circle, on white",
  "second line",
  "Negative prompt: blue",
  'Steps: 20, Sampler: Euler, Schedule type: Karras, CFG scale: 2.5, Seed: 9223372036854775807, Size: 128x96, Model: "a, b", Version: darkroom 0.1',
].join("\n");

const bytes = (...parts: (string | number[])[]): Uint8Array =>
  new Uint8Array(parts.flatMap((part) => (typeof part === "string" ? [...part].map((each) => each.charCodeAt(0)) : part)));
const be32 = (number: number): number[] => [number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255];
const utf16be = (text: string): number[] => [...text].flatMap((each) => [each.charCodeAt(0) >> 8, each.charCodeAt(0) & 255]);

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const chunk = (kind: string, data: string): (string | number[])[] => [be32(data.length), kind, data, be32(0)];

describe("parameters in files", () => {
  test("are found in a PNG's text, Latin-1 or UTF-8, behind other chunks", () => {
    expect(parametersIn(bytes(PNG, ...chunk("IHDR", "x"), ...chunk("tEXt", "parameters\0caf\xe9")))).toBe("café");
    expect(parametersIn(bytes(PNG, ...chunk("iTXt", "other\0\0\0\0\0x"), ...chunk("iTXt", "parameters\0\0\0en\0\0\xc3\xa9")))).toBe("é");
  });

  test("are found in the user comment of a JPEG and of a WebP", () => {
    const exif = bytes("Exif\0\0MM\0*", "UNICODE\0", utf16be("é 1"));
    const jpeg = new Uint8Array([...bytes([0xff, 0xd8, 0xff, 0xe1, 0, exif.length + 2]), ...exif]);
    expect(parametersIn(jpeg)).toBe("é 1");
    const webp = new Uint8Array([...bytes("RIFF", be32(0), "WEBP", "VP8 ", [1, 0, 0, 0], "x\0", "EXIF", [exif.length, 0, 0, 0]), ...exif]);
    expect(parametersIn(webp)).toBe("é 1");
  });

  test.each([
    ["an empty file", bytes("")],
    ["another kind of file", bytes("GIF89a")],
    ["a PNG without text", bytes(PNG, ...chunk("IHDR", "x"), ...chunk("IEND", ""))],
    ["a PNG that is cut off", bytes(PNG, [0, 0, 255, 255], "tEXtpara")],
    ["a PNG whose chunks end nowhere", bytes(PNG, [255, 255, 255, 255], "IDATxxxxxxxx")],
    ["a JPEG without Exif", bytes([0xff, 0xd8, 0xff, 0xe0, 0, 2, 0xff, 0xda, 0, 2])],
  ])("are not found in %s", (_, file) => {
    expect(parametersIn(file)).toBeNull();
  });
});

describe("parameters as text", () => {
  test("become settings", () => {
    const found = settingsFrom(TEXT, KNOWN);
    expect(found?.values).toEqual({
      prompt: "a red circle, on white\nsecond line",
      negative: "blue",
      width: "128",
      height: "96",
      model: "",
      sampler: "euler",
      schedule: "karras",
      steps: "20",
      guidance: "2.5",
      rescale: "",
      longPrompt: "",
      seed: "9223372036854775807",
    });
    expect(found?.notes).toEqual(["The model a, b is not served here."]);
  });

  test("become a hires fix, a refiner and what else was asked for", () => {
    const passes = "Denoising strength: 0.4, Hires upscale: 1.5, Hires steps: 6, Hires upscaler: Lanczos";
    const rest = "CFG Rescale: 0.7, Long prompt: True, Refiner: last-steps, Refiner switch at: 0.75";
    const found = settingsFrom(`x\nSteps: 4, Seed: 1, Size: 96x48, ${rest}, ${passes}, Version: darkroom 0.1`, KNOWN);
    expect(found?.values).toMatchObject({ rescale: "0.7", longPrompt: "1", refiner: "finisher", switchAt: "0.75", width: "96", height: "48" });
    expect(found?.values).toMatchObject({ hires: "scale", hiresScale: "1.5", hiresSteps: "6", hiresStrength: "0.4", upscaler: "decoded" });
    expect(found?.notes).toEqual([]);
  });

  test("of AUTOMATIC1111 have the size of the first pass of a hires fix", () => {
    const found = settingsFrom("x\nSteps: 4, Seed: 1, Size: 64x96, Hires upscale: 1.5, Hires upscaler: 4x-Magic, Version: v1.10.1", KNOWN);
    expect(found?.values).toMatchObject({ width: "96", height: "144", hiresScale: "1.5", upscaler: "" });
    expect(found?.notes).toEqual(["The upscaler 4x-Magic is not known here."]);
  });

  test("that are none give none", () => {
    expect(settingsFrom("just a text", KNOWN)).toBeNull();
    expect(settingsFrom("", null)).toBeNull();
  });

  test("of another program say what is not to be had here", () => {
    const found = settingsFrom("x\nSteps: 4, Sampler: Magic, Seed: 1, Denoising strength: 0.5", KNOWN);
    expect(found?.values).toMatchObject({ prompt: "x", negative: "", sampler: "", steps: "4" });
    expect(found?.notes).toHaveLength(2);
  });
});
