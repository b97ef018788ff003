/** What the buttons do: from the settings, or from an image, to requests in the queue. */
import { computed, signal } from "@preact/signals";
import { explain } from "../api/errors";
import { upload } from "../api/http";
import { randomSeed, seedPlus } from "../api/seeds";
import type { Image, JobRequest } from "../api/types";
import type { Entry } from "./entries";
import { problemsOf } from "./limits";
import { submit } from "./queue";
import { capabilities, model, modelOf, requestOf, restore, settings, settingsOf, values, type Values } from "./settings";
import { say } from "./status";

const VARIATIONS = 4;
/** What servers give; one that is still loading does not say. */
const MOST_PREVIEWS = 10;
/** Leaves what is where, and changes how it looks. */
const VARIATION_STRENGTH = "0.6";

export const problems = computed(() => problemsOf(values.value, capabilities.value, model.value));

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
  const [problem] = Object.values(problems.peek());
  if (problem !== undefined) {
    say(problem, "error");
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

function requestsOf(chosen: Values, seed: string, count: number): JobRequest[] {
  return Array.from({ length: count }, (_, index) => requestOf(chosen, seedPlus(seed, index), previewsWanted()));
}

export function useSettings(entry: Entry, image: Image): void {
  if (entry.request === null) return;
  restore(settingsOf(entry.request, image.prompt, image.seed));
  say("The settings of the image are in the form.");
}

export function useSeed(image: Image): void {
  settings.seed.value = image.seed;
  say(`The seed ${image.seed} is locked.`);
}

export function canStartFromImages(name: string): boolean {
  return modelOf(capabilities.value, name)?.inputs.includes("image") ?? false;
}

/** Makes images near this one: from the image where the model can start from one, else from other seeds. */
export async function vary(entry: Entry, image: Image): Promise<void> {
  if (entry.request === null) return;
  const like = settingsOf(entry.request, image.prompt, image.seed);
  try {
    if (canStartFromImages(like.model)) {
      like.image = await uploadImage(image);
      like.strength = VARIATION_STRENGTH;
    }
    submit(requestsOf(like, randomSeed(), VARIATIONS));
    generated.value += 1;
    say(`${VARIATIONS} variations are queued.`);
  } catch (error) {
    say(explain(error), "error");
  }
}

export async function startFrom(image: Image): Promise<void> {
  await startFromFile(async () => uploadImage(image));
}

export async function startFromFile(send: () => Promise<string>): Promise<void> {
  try {
    settings.image.value = await send();
    if (settings.strength.peek() === "") settings.strength.value = VARIATION_STRENGTH;
    say("The next images start from this one.");
  } catch (error) {
    say(explain(error), "error");
  }
}

async function uploadImage(image: Image): Promise<string> {
  const file = await (await fetch(image.url)).blob();
  return (await upload(file)).sha256;
}
