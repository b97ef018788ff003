/** Reads generation parameters in the text format of AUTOMATIC1111's web UI, as Darkroom writes them into its files. */
import type { Capabilities, Model } from "../api/types";
import type { Values } from "../state/settings";

const PAIR = /\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)/g;
const SCALE = "Hires upscale";
const NEGATIVE = "Negative prompt: ";

type Pairs = ReadonlyMap<string, string>;

export interface Found {
  values: Partial<Values>;
  /** What of the image cannot be had here, as sentences. */
  notes: string[];
}

export function settingsFrom(text: string, known: Capabilities | null): Found | null {
  const lines = text.trim().split("\n");
  const pairs = pairsIn(lines.at(-1) ?? "");
  if (pairs.size < 3) return null;
  const [prompt, negative] = textsIn(lines.slice(0, -1));
  const notes: string[] = [];
  const passes = passesIn(pairs, known, notes);
  if (passes === null && pairs.has("Denoising strength")) notes.push("The image that it started from is not in the file.");
  return {
    values: {
      prompt,
      negative,
      ...sizeIn(pairs),
      model: modelNamed(pairs.get("Model"), known, notes),
      sampler: samplerNamed(pairs.get("Sampler"), known, notes),
      schedule: scheduleNamed(pairs.get("Schedule type"), known),
      steps: pairs.get("Steps") ?? "",
      guidance: pairs.get("CFG scale") ?? "",
      rescale: pairs.get("CFG Rescale") ?? "",
      longPrompt: pairs.has("Long prompt") ? "1" : "",
      seed: pairs.get("Seed") ?? "",
      ...passes,
      ...refinerIn(pairs, known, notes),
    },
    notes,
  };
}

/** Of the whole image. AUTOMATIC1111 writes the size of the first pass of a hires fix, and Darkroom that of the result. */
function sizeIn(pairs: Pairs): Pick<Values, "width" | "height"> {
  const scale = pairs.get("Version")?.startsWith("darkroom") ? 1 : Number(pairs.get(SCALE) ?? 1);
  const [width = "", height = ""] = (pairs.get("Size") ?? "").split("x");
  const whole = (side: string): string => (side === "" || scale === 1 ? side : String(Math.floor(Number(side) * scale)));
  return { width: whole(width), height: whole(height) };
}

/** The hires fix; null where there is none. */
function passesIn(pairs: Pairs, known: Capabilities | null, notes: string[]): Partial<Values> | null {
  const scale = pairs.get(SCALE);
  if (scale === undefined) return null;
  const label = pairs.get("Hires upscaler");
  const upscaler = known?.upscalers.find(({ name, label: own }) => name === label || own === label);
  if (label !== undefined && upscaler === undefined) notes.push(`The upscaler ${label} is not known here.`);
  return {
    hires: "scale",
    hiresScale: scale,
    hiresSteps: pairs.get("Hires steps") ?? "",
    hiresStrength: pairs.get("Denoising strength") ?? "",
    upscaler: upscaler?.name ?? "",
  };
}

function refinerIn(pairs: Pairs, known: Capabilities | null, notes: string[]): Partial<Values> {
  const name = pairs.get("Refiner");
  const refiner = name === undefined ? null : servedAs(name, known, notes);
  return refiner === null ? {} : { refiner: refiner.id, switchAt: pairs.get("Refiner switch at") ?? "" };
}

function pairsIn(line: string): Pairs {
  return new Map([...line.matchAll(PAIR)].map(([, name = "", value = ""]) => [name, unquoted(value)]));
}

function unquoted(value: string): string {
  if (!value.startsWith('"')) return value.trim();
  try {
    return String(JSON.parse(value));
  } catch {
    return value;
  }
}

function textsIn(lines: string[]): [prompt: string, negative: string] {
  const at = lines.findIndex((line) => line.startsWith(NEGATIVE));
  if (at < 0) return [lines.join("\n"), ""];
  return [lines.slice(0, at).join("\n"), lines.slice(at).join("\n").slice(NEGATIVE.length)];
}

function modelNamed(name: string | undefined, known: Capabilities | null, notes: string[]): string {
  const found = name === undefined ? null : servedAs(name, known, notes);
  return found === null || found.default ? "" : found.id;
}

function servedAs(name: string, known: Capabilities | null, notes: string[]): Model | null {
  const found = known?.models.find(({ id, aliases }) => id === name || aliases.includes(name)) ?? null;
  if (found === null) notes.push(`The model ${name} is not served here.`);
  return found;
}

function samplerNamed(label: string | undefined, known: Capabilities | null, notes: string[]): string {
  if (label === undefined) return "";
  const found = known?.samplers.find(({ name, label: own, aliases }) => [name, own, ...aliases].includes(label));
  if (found === undefined) notes.push(`The sampler ${label} is not known here.`);
  return found?.name ?? "";
}

function scheduleNamed(label: string | undefined, known: Capabilities | null): string {
  const name = label?.toLowerCase() ?? "";
  return known?.schedules.includes(name) ? name : "";
}
