/** What the chosen model can do, as the server says it, and what it takes for granted where a field is empty. */
import type { Capabilities, Model } from "../api/types";
import type { Values } from "./settings";

export interface Offers {
  image: boolean;
  mask: boolean;
  /** Whether the model edits the image as the prompt says. It is then guided by it, and has no strength. */
  edits: boolean;
  hires: boolean;
  /** Models that may make the last steps. Which of them have the same latents is only known to the server. */
  refiners: string[];
  longPrompt: boolean;
}

export function offersOf(model: Model | null, known: Capabilities | null): Offers {
  const inputs = model?.inputs ?? [];
  const alone = model === null || model.required_inputs.length > 0;
  const others = known?.models.filter(({ id, required_inputs: needed }) => id !== model?.id && needed.length === 0) ?? [];
  return {
    image: inputs.includes("image"),
    mask: inputs.includes("mask"),
    edits: (model?.defaults.image_guidance_scale ?? 1) > 1,
    hires: !alone && known !== null && known.features.includes("hires"),
    refiners: !alone && known?.features.includes("refiner") ? others.map(({ id }) => id) : [],
    longPrompt: model !== null && model.long_prompt_tokens > model.prompt_tokens,
  };
}

const HIRES_SCALE = 2;

/** The size of an image for which none is asked. One that starts from an image has its size, where the model can. */
export function sizeWithout(chosen: Values, model: Model | null): { width: number; height: number } | null {
  if (model === null) return null;
  const { width, height } = model.defaults;
  if (chosen.hires === "") return { width, height };
  const bySize = chosen.hires === "size" && Number(chosen.hiresWidth) > 0 && Number(chosen.hiresHeight) > 0;
  const scale = chosen.hires === "size" ? HIRES_SCALE : Number(chosen.hiresScale) || HIRES_SCALE;
  const { side_multiple: step } = model.limits;
  const enlarged = (side: number): number => step * Math.max(1, Math.round((side * scale) / step));
  return { width: enlarged(bySize ? Number(chosen.hiresWidth) : width), height: enlarged(bySize ? Number(chosen.hiresHeight) : height) };
}

/** The strength that the server takes where none is given. */
export function strengthWithout(chosen: Values): number {
  return chosen.mask === "" ? 0.75 : 1;
}

/** The strength of a hires fix's second pass: enlarged latents are no latents of an image, so that more is made anew. */
export function hiresStrengthWithout(chosen: Values, known: Capabilities | null): number {
  return known?.upscalers.find(({ name }) => name === chosen.upscaler)?.decoded ? 0.5 : 0.7;
}
