/** What a small server could do: of its capabilities, those that the page asks for. */
import type { Capabilities, Model } from "../src/api/types";
import { BLANK, type Entry } from "../src/state/entries";

export const KNOWN = {
  models: [
    {
      id: "bundled",
      default: true,
      status: "resident",
      wait_s: 0,
      aliases: ["small"],
      alias_prefixes: [],
      sizes: [{ width: 128, height: 128 }],
      prompt_tokens: 77,
      long_prompt_tokens: 600,
      inputs: ["image", "mask"],
      required_inputs: [],
      samplers: [
        { name: "euler", schedules: ["karras"], max_steps: 50, impossible_steps: [13] },
        { name: "ddim", schedules: [], max_steps: 20, impossible_steps: [] },
      ],
      defaults: { width: 128, height: 128, num_inference_steps: 20, guidance_scale: 2.5, image_guidance_scale: 1, sampler: "euler" },
      limits: { side_multiple: 8, min_side: 64, max_side: 256, max_pixels: 40_000, max_steps: 50, max_guidance_scale: 20, max_prompt_chars: 99 },
    },
    { id: "finisher", default: false, status: "disk", aliases: ["last-steps"], inputs: ["image"], required_inputs: [] },
  ],
  unusable_models: [],
  samplers: [
    { name: "euler", label: "Euler", aliases: [], schedules: ["karras"], max_steps: null, stochastic: false },
    { name: "ddim", label: "DDIM", aliases: ["PLMS"], schedules: [], max_steps: null, stochastic: false },
  ],
  schedules: ["karras"],
  upscalers: [
    { name: "bilinear", label: "Latent", decoded: false },
    { name: "decoded", label: "Lanczos", decoded: true },
  ],
  output_formats: ["png"],
  limits: {
    max_pictures_per_prompt: 10,
    max_pictures_per_job: 100,
    max_previews: 10,
    max_seed: 2 ** 63,
    max_wait_s: 300,
    max_body_bytes: 1e6,
    max_upload_bytes: 1e7,
    max_upload_pixels: 1e7,
  },
  features: ["hires", "refiner"],
} as unknown as Capabilities;

/** A model that edits an image as the prompt says. */
export const EDITOR = {
  ...KNOWN.models[0]!,
  inputs: ["image"],
  required_inputs: ["image"],
  defaults: { ...KNOWN.models[0]!.defaults, image_guidance_scale: 1.5 },
} as Model;

export function entryOf(changes: Partial<Entry> & { key: string }): Entry {
  return { ...BLANK, id: changes.key, prompts: ["x"], seeds: ["1"], ...changes };
}
