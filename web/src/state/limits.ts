/** What is wrong with the settings, as far as the model's limits tell before the server is asked. */
import type { Capabilities, Model } from "../api/types";
import { MOST_IMAGES, type Field, type Values } from "./settings";

export type Problems = Partial<Record<Field, string>>;

export function problemsOf(chosen: Values, known: Capabilities | null, model: Model | null): Problems {
  const found: Problems = {};
  const check = (field: Field, problem: string | null): void => {
    if (chosen[field] !== "" && problem !== null) found[field] = problem;
  };
  check("count", outside(chosen.count, 1, MOST_IMAGES, true));
  check("strength", outside(chosen.strength, 0.01, 1, false));
  if (known === null || model === null) return found;
  const { limits } = model;
  check("steps", steps(chosen, model));
  check("guidance", outside(chosen.guidance, 0, limits.max_guidance_scale, false));
  check("width", side(chosen.width, limits));
  check("height", side(chosen.height, limits));
  check("seed", seed(chosen.seed));
  if (chosen.prompt.length > limits.max_prompt_chars)
    found.prompt = `The prompt may have ${limits.max_prompt_chars} characters at most. Shorten it.`;
  if (model.required_inputs.includes("image") && chosen.image === "")
    found.prompt = "This model starts from an image. Drop one on the page, or choose one under Settings.";
  const pixels = Number(chosen.width || model.defaults.width) * Number(chosen.height || model.defaults.height);
  if (pixels > limits.max_pixels && found.width === undefined)
    found.width = `Width times height may be ${limits.max_pixels.toLocaleString()} pixels at most. Make one of them smaller.`;
  return found;
}

/** The limits of the chosen sampler, or of the model's own. */
export function samplerOf(chosen: Values, model: Model | null): Model["samplers"][number] | null {
  return model?.samplers.find(({ name }) => name === (chosen.sampler || model.defaults.sampler)) ?? null;
}

function steps(chosen: Values, model: Model): string | null {
  const sampler = samplerOf(chosen, model);
  const problem = outside(chosen.steps, 1, sampler?.max_steps ?? model.limits.max_steps, true);
  const impossible = chosen.schedule === "" && sampler?.impossible_steps.includes(Number(chosen.steps));
  return problem ?? (impossible ? "This sampler cannot make that number of steps. Choose one more or one fewer." : null);
}

function side(text: string, limits: Model["limits"]): string | null {
  const problem = outside(text, limits.min_side, limits.max_side, true);
  return problem ?? (Number(text) % limits.side_multiple === 0 ? null : `Choose a multiple of ${limits.side_multiple}.`);
}

function seed(text: string): string | null {
  return /^\d{1,19}$/.test(text) && BigInt(text) < 2n ** 63n ? null : "A seed is a whole number from 0 to 2⁶³ − 1.";
}

function outside(text: string, least: number, most: number, whole: boolean): string | null {
  const number = Number(text);
  const fits = number >= least && number <= most && (!whole || Number.isInteger(number));
  return fits ? null : `Choose a ${whole ? "whole " : ""}number from ${least} to ${most}.`;
}
