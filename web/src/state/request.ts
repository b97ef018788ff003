/** From the settings to the request of an image, and from a job's request back to the settings that make it again. */
import type { JobRequest, Model, Resolved } from "../api/types";
import { offersOf } from "./offers";
import { FIELDS_OF_A_START, NOTHING, type Field, type Values } from "./settings";

/** The request of one image. The page sends a job for each, so that each can be canceled on its own. */
export function requestOf(form: Values, seed: string, previews: number): JobRequest {
  const chosen = inUse(form);
  const given = filled({
    negative_prompt: text(chosen.negative.trim()),
    long_prompt: flag(chosen.longPrompt),
    model: text(chosen.model),
    sampler: text(chosen.sampler),
    schedule: text(chosen.schedule),
    num_inference_steps: number(chosen.steps),
    guidance_scale: number(chosen.guidance),
    guidance_rescale: number(chosen.rescale),
    width: number(chosen.width),
    height: number(chosen.height),
    image: text(chosen.image),
    mask: text(chosen.mask),
    strength: number(chosen.strength),
    keep_unmasked: flag(chosen.keepUnmasked),
    image_guidance_scale: number(chosen.imageGuidance),
    resize_mode: text(chosen.resize),
    extend: marginsOf(chosen),
    hires: hiresOf(chosen),
    refiner: chosen.refiner === "" ? undefined : filled({ model: chosen.refiner, switch_at: number(chosen.switchAt) }),
    original_size: pair(chosen.originalWidth, chosen.originalHeight),
    crop: pair(chosen.cropLeft, chosen.cropTop),
    target_size: pair(chosen.targetWidth, chosen.targetHeight),
    output_format: text(chosen.format),
    output_compression: number(chosen.quality),
    priority: chosen.priority === "batch" ? "batch" : undefined,
    deadline_s: number(chosen.deadline),
  }) as Partial<JobRequest>;
  return { ...given, prompt: chosen.prompt.trim(), seed, previews };
}

const text = (value: string): string | undefined => (value === "" ? undefined : value);
const number = (value: string): number | undefined => (value === "" ? undefined : Number(value));
const flag = (value: string): true | undefined => (value === "" ? undefined : true);

/** An empty one of two is 0. */
const pair = (one: string, other: string): [number, number] | undefined =>
  one === "" && other === "" ? undefined : [Number(one), Number(other)];

function filled(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function marginsOf(chosen: Values): Record<string, unknown> | undefined {
  const margins = filled({
    left: number(chosen.extendLeft),
    top: number(chosen.extendTop),
    right: number(chosen.extendRight),
    bottom: number(chosen.extendBottom),
  });
  return Object.keys(margins).length > 0 ? margins : undefined;
}

function hiresOf(chosen: Values): Record<string, unknown> | undefined {
  if (chosen.hires === "") return undefined;
  return filled({
    scale: number(chosen.hiresScale),
    width: number(chosen.hiresWidth),
    height: number(chosen.hiresHeight),
    steps: number(chosen.hiresSteps),
    strength: number(chosen.hiresStrength),
    upscaler: text(chosen.upscaler),
  });
}

/** The settings without those that have no effect because what they belong to is off. The form does not show those. */
export function inUse(chosen: Values): Values {
  const idle: Field[] = [];
  if (chosen.image === "") idle.push(...FIELDS_OF_A_START);
  if (chosen.refiner === "") idle.push("switchAt");
  if (chosen.hires === "") idle.push("hiresSteps", "hiresStrength", "upscaler");
  if (chosen.hires !== "scale") idle.push("hiresScale");
  if (chosen.hires !== "size") idle.push("hiresWidth", "hiresHeight");
  return { ...chosen, ...Object.fromEntries(idle.map((field) => [field, ""])) };
}

/**
 * The settings that made an image of a job, with every default spelled out that may differ from model to model.
 *
 * `model` is the one that made it, where it is still served.
 */
export function settingsOf(request: Resolved, prompt: string, seed: string, model: Model | null): Values {
  const { hires, refiner } = request;
  const edits = offersOf(model, null).edits;
  return {
    ...NOTHING,
    prompt,
    negative: request.negative_prompt ?? "",
    longPrompt: request.long_prompt ? "1" : "",
    model: request.model,
    sampler: request.sampler,
    schedule: request.schedule ?? "",
    steps: String(request.num_inference_steps),
    guidance: String(request.guidance_scale),
    rescale: String(request.guidance_rescale),
    width: String(request.width),
    height: String(request.height),
    seed,
    image: request.image ?? "",
    mask: request.mask ?? "",
    strength: request.image === null || edits ? "" : String(request.strength),
    keepUnmasked: request.keep_unmasked ? "1" : "",
    imageGuidance: request.image_guidance_scale === model?.defaults.image_guidance_scale ? "" : String(request.image_guidance_scale),
    ...(hires === null ? {} : passesOf(hires)),
    ...(refiner === null ? {} : { refiner: refiner.model, switchAt: String(refiner.switch_at) }),
    ...sides("originalWidth", "originalHeight", request.original_size),
    ...(request.crop.some((side) => side > 0) ? sides("cropLeft", "cropTop", request.crop) : {}),
    ...sides("targetWidth", "targetHeight", request.target_size),
    format: request.output_format === "png" ? "" : request.output_format,
    quality: request.output_compression === null ? "" : String(request.output_compression),
  };
}

function passesOf(hires: NonNullable<Resolved["hires"]>): Partial<Values> {
  return {
    hires: "size",
    hiresWidth: String(hires.width),
    hiresHeight: String(hires.height),
    hiresSteps: String(hires.steps),
    hiresStrength: String(hires.strength),
    upscaler: hires.upscaler,
  };
}

function sides(one: keyof Values, other: keyof Values, pair: [number, number] | null): Partial<Values> {
  return pair === null ? {} : { [one]: String(pair[0]), [other]: String(pair[1]) };
}
