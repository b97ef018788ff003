/** What is wrong with the settings, as far as the model's limits tell before the server is asked. */
import type { Capabilities, Model } from "../api/types";
import { offersOf, sizeWithout, type Offers } from "./offers";
import { inUse } from "./request";
import { MOST_IMAGES, type Field, type Values } from "./settings";

export type Problems = Partial<Record<Field, string>>;

const LONGEST_SIDE = 16_384;
const LONGEST_MARGIN = 4_096;

export function problemsOf(form: Values, known: Capabilities | null, model: Model | null): Problems {
  const chosen = inUse(form);
  const found: Problems = {};
  const check: Check = (field, problem) => {
    if (chosen[field] !== "" && problem !== null && found[field] === undefined) found[field] = problem;
  };
  checkNumbers(chosen, check);
  if (known === null || model === null) return found;
  const { limits } = model;
  check("steps", steps(chosen, model, chosen.steps));
  check("guidance", outside(chosen.guidance, 0, limits.max_guidance_scale, false));
  check("imageGuidance", outside(chosen.imageGuidance, 1, limits.max_guidance_scale, false));
  for (const field of ["width", "height", "hiresWidth", "hiresHeight"] as const) check(field, side(chosen[field], limits));
  check("hiresSteps", steps(chosen, model, chosen.hiresSteps));
  check("seed", seed(chosen.seed));
  if (chosen.prompt.length > limits.max_prompt_chars)
    found.prompt = `The prompt may have ${limits.max_prompt_chars} characters at most. Shorten it.`;
  for (const [field, problem] of Object.entries(needs(chosen, model))) found[field as Field] ??= problem;
  checkChoices(chosen, offersOf(model, known), check);
  const own = sizeWithout(chosen, model)!;
  const pixels = Number(chosen.width || own.width) * Number(chosen.height || own.height);
  if (pixels > limits.max_pixels && found.width === undefined)
    found.width = `Width times height may be ${limits.max_pixels.toLocaleString()} pixels at most. Make one of them smaller.`;
  return found;
}

type Check = (field: Field, problem: string | null) => void;

/** Numbers whose limits are the same for all models. */
function checkNumbers(chosen: Values, check: Check): void {
  check("count", outside(chosen.count, 1, MOST_IMAGES, true));
  check("strength", outside(chosen.strength, 0.01, 1, false));
  check("rescale", outside(chosen.rescale, 0, 1, false));
  check("hiresStrength", outside(chosen.hiresStrength, 0.01, 1, false));
  check("hiresScale", outside(chosen.hiresScale, 1.01, 8, false));
  check("switchAt", outside(chosen.switchAt, 0.01, 0.99, false));
  check("quality", outside(chosen.quality, 0, 100, true));
  check("deadline", Number(chosen.deadline) > 0 ? null : "Choose a number above 0.");
  for (const field of ["extendLeft", "extendTop", "extendRight", "extendBottom"] as const)
    check(field, outside(chosen[field], 0, LONGEST_MARGIN, true));
  for (const field of ["cropLeft", "cropTop"] as const) check(field, outside(chosen[field], 0, LONGEST_SIDE, true));
  for (const [one, other] of SIDES)
    check(one, outside(chosen[one], 1, LONGEST_SIDE, true) ?? (chosen[other] === "" ? "Give the width and the height, or neither." : null));
}

const SIDES = [
  ["originalWidth", "originalHeight"],
  ["originalHeight", "originalWidth"],
  ["targetWidth", "targetHeight"],
  ["targetHeight", "targetWidth"],
] as const;

/** What the model cannot do without. */
function needs(chosen: Values, model: Model): Problems {
  if (model.required_inputs.includes("image") && chosen.image === "")
    return { prompt: "This model starts from an image. Drop one on the page, or choose one under Settings." };
  if (model.required_inputs.includes("mask") && chosen.mask === "")
    return { prompt: "This model repaints a part of an image. Paint a mask under Settings, or choose one." };
  if (chosen.hires === "size" && (chosen.hiresWidth === "" || chosen.hiresHeight === ""))
    return { hires: "Give the width and the height of the first pass." };
  return {};
}

/** What the model cannot do, or not together. */
function checkChoices(chosen: Values, offers: Offers, check: Check): void {
  check("image", offers.image ? null : "This model takes no image to start from. Start from noise, or choose another model.");
  check("mask", offers.mask ? null : "This model takes no mask. Remove it, or choose another model.");
  if (offers.edits) check("strength", "This model has no strength. Leave it empty.");
  if (!offers.edits) check("imageGuidance", "This model is not guided by an image. Leave it empty.");
  const together = chosen.image !== "" ? "An image that starts from another one is made in one pass. Turn the hires fix off." : null;
  check("hires", offers.hires ? together : "This model has no hires fix. Turn it off.");
  const both = chosen.hires === "" ? null : "An image has either a hires fix or a refiner. Turn one of them off.";
  check("refiner", offers.refiners.includes(chosen.refiner) ? both : "This model cannot be refined by that one. Choose another refiner, or none.");
}

/** The limits of the chosen sampler, or of the model's own. */
export function samplerOf(chosen: Values, model: Model | null): Model["samplers"][number] | null {
  return model?.samplers.find(({ name }) => name === (chosen.sampler || model.defaults.sampler)) ?? null;
}

function steps(chosen: Values, model: Model, text: string): string | null {
  const sampler = samplerOf(chosen, model);
  const problem = outside(text, 1, sampler?.max_steps ?? model.limits.max_steps, true);
  const impossible = chosen.schedule === "" && sampler?.impossible_steps.includes(Number(text));
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
