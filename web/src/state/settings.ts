/** What the form asks for. Every field is the text that stands in it; an empty one is left to the model. */
import { computed, signal, type Signal } from "@preact/signals";
import type { Capabilities, Model } from "../api/types";

/** Each field and its name in the form. A field that is on or off has "1" or nothing. */
export const LABELS = {
  prompt: "Prompt",
  negative: "Negative prompt",
  model: "Model",
  sampler: "Sampler",
  schedule: "Schedule",
  steps: "Steps",
  guidance: "Guidance",
  rescale: "Guidance rescale",
  longPrompt: "Long prompt",
  width: "Width",
  height: "Height",
  seed: "Seed",
  count: "Images",
  priority: "Priority",
  image: "Start image",
  mask: "Mask",
  strength: "Strength",
  keepUnmasked: "Keep what is not painted",
  imageGuidance: "Image guidance",
  resize: "Proportions",
  extendLeft: "Left",
  extendTop: "Top",
  extendRight: "Right",
  extendBottom: "Bottom",
  hires: "Hires fix",
  hiresScale: "Factor",
  hiresWidth: "1st width",
  hiresHeight: "1st height",
  hiresSteps: "2nd steps",
  hiresStrength: "2nd strength",
  upscaler: "Upscaler",
  refiner: "Refiner",
  switchAt: "Switch at",
  originalWidth: "Original width",
  originalHeight: "Original height",
  cropLeft: "Crop left",
  cropTop: "Crop top",
  targetWidth: "Target width",
  targetHeight: "Target height",
  format: "File format",
  quality: "Quality",
  deadline: "Deadline (s)",
} as const;
export type Field = keyof typeof LABELS;
export const FIELDS = Object.keys(LABELS) as Field[];
export type Values = Record<Field, string>;

/** Fields that name uploads, which no link carries: they belong to who sent them, and are kept for a day. */
export const UPLOADS = ["image", "mask"] as const satisfies Field[];

/** Fields that only an image has that starts from another one. */
export const FIELDS_OF_A_START = [
  "image",
  "mask",
  "strength",
  "keepUnmasked",
  "imageGuidance",
  "resize",
  "extendLeft",
  "extendTop",
  "extendRight",
  "extendBottom",
] as const satisfies Field[];

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

/** The uploads that a link was made with and did not carry, and that the form still lacks. */
export const lacking = signal<readonly string[]>([]);

/** Replaces every field, but not how many images are made and how urgently. */
export function restore(found: Partial<Values>): void {
  const { count, priority, deadline } = values.peek();
  lacking.value = [];
  setValues({ ...NOTHING, count, priority, deadline, ...found });
}
