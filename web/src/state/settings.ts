/**
 * What the form asks for. Every field is the text that stands in it; an empty one is left to the model.
 *
 * The settings are in the page's address, behind the #, which is never sent to a server: a link reproduces an image.
 */
import { computed, effect, signal, type Signal } from "@preact/signals";
import type { Capabilities, JobRequest, Model, Resolved } from "../api/types";

export const FIELDS = [
  "prompt",
  "negative",
  "model",
  "sampler",
  "schedule",
  "steps",
  "guidance",
  "width",
  "height",
  "seed",
  "count",
  "priority",
  "image",
  "strength",
] as const;
export type Field = (typeof FIELDS)[number];
export type Values = Record<Field, string>;

export const NOTHING = Object.fromEntries(FIELDS.map((field) => [field, ""])) as Values;
export const MOST_IMAGES = 100;

export const capabilities = signal<Capabilities | null>(null);

export const settings = Object.fromEntries(FIELDS.map((field) => [field, signal("")])) as Record<Field, Signal<string>>;

export const values = computed<Values>(
  () => Object.fromEntries(FIELDS.map((field) => [field, settings[field].value])) as Values,
);

export const model = computed<Model | null>(() => modelOf(capabilities.value, settings.model.value));

export function modelOf(known: Capabilities | null, name: string): Model | null {
  const models = known?.models ?? [];
  return models.find((each) => each.id === name || each.aliases.includes(name)) ?? models[0] ?? null;
}

export function setValues(changes: Partial<Values>): void {
  for (const field of FIELDS) if (changes[field] !== undefined) settings[field].value = changes[field];
}

/** Replaces every field, but not how many images are made and how urgently. */
export function restore(found: Partial<Values>): void {
  const { count, priority } = values.peek();
  setValues({ ...NOTHING, count, priority, ...found });
}

export function toHash(chosen: Partial<Values>): string {
  const filled = Object.entries(chosen).filter(([, value]) => value !== "");
  return new URLSearchParams(filled).toString();
}

export function fromHash(hash: string): Values {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  return Object.fromEntries(FIELDS.map((field) => [field, given.get(field) ?? ""])) as Values;
}

/** Keeps the settings and the address equal. */
export function keepInAddress(): void {
  const load = (): void => setValues(fromHash(location.hash));
  addEventListener("hashchange", load);
  load();
  effect(() => writeAddress(values.value));
}

export function writeAddress(chosen: Values): void {
  const hash = toHash(chosen);
  if (location.hash.slice(1) !== hash) history.replaceState(history.state, "", hash === "" ? location.pathname : `#${hash}`);
}

/** The settings that made an image of a job, with every default spelled out. */
export function settingsOf(request: Resolved, prompt: string, seed: string): Values {
  return {
    ...NOTHING,
    prompt,
    negative: request.negative_prompt ?? "",
    model: request.model,
    sampler: request.sampler,
    schedule: request.schedule ?? "",
    steps: String(request.num_inference_steps),
    guidance: String(request.guidance_scale),
    width: String(request.width),
    height: String(request.height),
    seed,
    image: request.image ?? "",
    strength: request.image === null ? "" : String(request.strength),
  };
}

/** The request of one image. The page sends a job for each, so that each can be canceled on its own. */
export function requestOf(chosen: Values, seed: string, previews: number): JobRequest {
  const text = (value: string): string | undefined => (value === "" ? undefined : value);
  const number = (value: string): number | undefined => (value === "" ? undefined : Number(value));
  const optional = {
    negative_prompt: text(chosen.negative.trim()),
    model: text(chosen.model),
    sampler: text(chosen.sampler),
    schedule: text(chosen.schedule),
    num_inference_steps: number(chosen.steps),
    guidance_scale: number(chosen.guidance),
    width: number(chosen.width),
    height: number(chosen.height),
    image: text(chosen.image),
    strength: chosen.image === "" ? undefined : number(chosen.strength),
    priority: chosen.priority === "batch" ? "batch" : undefined,
  };
  const given: Partial<JobRequest> = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined));
  return { ...given, prompt: chosen.prompt.trim(), seed, previews };
}
