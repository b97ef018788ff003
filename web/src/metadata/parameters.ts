/** Reads generation parameters in the text format of AUTOMATIC1111's web UI, as Darkroom writes them into its files. */
import type { Capabilities } from "../api/types";
import type { Values } from "../state/settings";

const PAIR = /\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)/g;
const NEGATIVE = "Negative prompt: ";

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
  const [width = "", height = ""] = (pairs.get("Size") ?? "").split("x");
  const notes: string[] = [];
  return {
    values: {
      prompt,
      negative,
      width,
      height,
      model: modelNamed(pairs.get("Model"), known, notes),
      sampler: samplerNamed(pairs.get("Sampler"), known, notes),
      schedule: scheduleNamed(pairs.get("Schedule type"), known),
      steps: pairs.get("Steps") ?? "",
      guidance: pairs.get("CFG scale") ?? "",
      seed: pairs.get("Seed") ?? "",
    },
    notes: pairs.has("Denoising strength") ? [...notes, "The image that it started from is not in the file."] : notes,
  };
}

function pairsIn(line: string): Map<string, string> {
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
  const models = known?.models ?? [];
  const found = models.find(({ id, aliases }) => id === name || aliases.includes(name ?? ""));
  if (name !== undefined && found === undefined) notes.push(`The model ${name} is not served here.`);
  return found === undefined || found.default ? "" : found.id;
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
