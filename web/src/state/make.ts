/** What the buttons do: from the settings, or from an image, to requests in the queue. */
import { computed, signal } from "@preact/signals";
import { explain } from "../api/errors";
import { randomSeed, seedPlus } from "../api/seeds";
import type { Image, JobRequest, Model } from "../api/types";
import type { Entry } from "./entries";
import { problemsOf, type Problems } from "./limits";
import { offersOf } from "./offers";
import { submit } from "./queue";
import { requestOf, settingsOf } from "./request";
import { capabilities, LABELS, lacking, model, modelOf, restore, settings, values, type Field, type Values } from "./settings";
import { uploadImage } from "./startImage";
import { say } from "./status";

const VARIATIONS = 4;
/** What servers give; one that is still loading does not say. */
const MOST_PREVIEWS = 10;
/** Leaves what is where, and changes how it looks. */
const VARIATION_STRENGTH = "0.6";

const LACKING = {
  image: "This link was made with a start image, which no link carries. Choose the image under Settings, or start from noise.",
  mask: "This link was made with a mask, which no link carries. Make one under Settings, or go on without.",
} as const satisfies Problems;

export const problems = computed<Problems>(() => ({
  ...problemsOf(values.value, capabilities.value, model.value),
  ...Object.fromEntries(Object.entries(LACKING).filter(([field]) => lacking.value.includes(field))),
}));

/** The seed of the last request, which the lock takes. */
export const lastSeed = signal("");

/** Grows with each request from the form, so that the gallery shows its images. */
export const generated = signal(0);

export function previewsWanted(): number {
  return capabilities.peek()?.limits.max_previews ?? MOST_PREVIEWS;
}

export function generate(): boolean {
  const chosen = values.peek();
  if (chosen.prompt.trim() === "") {
    say("Write what you want to see first.", "error");
    return false;
  }
  const [first] = Object.entries(problems.peek());
  if (first !== undefined) {
    say(told(...first), "error");
    return false;
  }
  const seed = chosen.seed || randomSeed();
  lastSeed.value = seed;
  const count = Number(chosen.count || 1);
  submit(requestsOf(chosen, seed, count));
  generated.value += 1;
  say(count === 1 ? "One image is queued." : `${count} images are queued.`, "quiet");
  return true;
}

/** A problem is told away from its field, which may be folded. */
function told(field: string, problem: string): string {
  return field === "prompt" ? problem : `${LABELS[field as Field]}: ${problem}`;
}

function requestsOf(chosen: Values, seed: string, count: number): JobRequest[] {
  return Array.from({ length: count }, (_, index) => requestOf(chosen, seedPlus(seed, index), previewsWanted()));
}

/** Null where the job is not accepted yet. */
export function settingsThatMade(entry: Entry, image: Image): Values | null {
  const { request } = entry;
  return request && settingsOf(request, image.prompt, image.seed, servedModel(request.model));
}

export function useSettings(entry: Entry, image: Image): void {
  const found = settingsThatMade(entry, image);
  if (found === null) return;
  restore(found);
  say("The settings of the image are in the form.");
}

export function useSeed(image: Image): void {
  settings.seed.value = image.seed;
  say(`The seed ${image.seed} is locked.`);
}

const servedModel = (name: string): Model | null => {
  const found = modelOf(capabilities.value, name);
  return found?.id === name ? found : null;
};

export function canStartFromImages(name: string): boolean {
  return offersOf(modelOf(capabilities.value, name), capabilities.value).image;
}

/** Makes images near this one: from the image where the model can start from one, else from other seeds. */
export async function vary(entry: Entry, image: Image): Promise<void> {
  const like = settingsThatMade(entry, image);
  if (like === null) return;
  try {
    submit(requestsOf({ ...like, ...(await nearness(like, image)) }, randomSeed(), VARIATIONS));
    generated.value += 1;
    say(`${VARIATIONS} variations are queued.`);
  } catch (error) {
    say(explain(error), "error");
  }
}

/** An image that edits another one, or a part of it, has its variations from the same start. */
async function nearness(like: Values, image: Image): Promise<Partial<Values>> {
  const { image: canStart, edits } = offersOf(modelOf(capabilities.peek(), like.model), capabilities.peek());
  if (!canStart || edits || like.mask !== "") return {};
  return { image: await uploadImage(image), strength: VARIATION_STRENGTH, hires: "" };
}
