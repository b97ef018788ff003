/** What the next images start from: an upload and its mask. The page shows those that it has sent itself. */
import { signal } from "@preact/signals";
import { explain } from "../api/errors";
import { send as request, upload } from "../api/http";
import type { Image } from "../api/types";
import { FIELDS_OF_A_START, lacking, settings } from "./settings";
import { say } from "./status";

export interface Sent {
  /** Of the file, for an `img`. */
  url: string;
  /** Pixels of the image as the server keeps it, which is upright. */
  width: number;
  height: number;
}

/** What was uploaded since the page was loaded, by its SHA-256. The server does not hand uploads out. */
export const sent = signal<Readonly<Record<string, Sent>>>({});

async function send(file: Blob): Promise<string> {
  const { sha256, width, height } = await upload(file);
  if (!(sha256 in sent.peek())) sent.value = { ...sent.peek(), [sha256]: { url: URL.createObjectURL(file), width, height } };
  return sha256;
}

export async function uploadImage(image: Image): Promise<string> {
  return send(await (await request(image.url)).blob());
}

export const startFrom = (image: Image): Promise<void> => start(() => uploadImage(image));

export const startFromFile = (file: Blob): Promise<void> => start(() => send(file));

async function start(find: () => Promise<string>): Promise<void> {
  try {
    const found = await find();
    if (found !== settings.image.peek()) settings.mask.value = "";
    settings.image.value = found;
    noLongerLacks("image");
    say("The next images start from this one.");
  } catch (error) {
    say(explain(error), "error");
  }
}

/** Takes a mask, painted or chosen as a file. Returns whether it fits. */
export async function maskWith(file: Blob): Promise<boolean> {
  try {
    const found = await send(file);
    const [mask, image] = [sent.peek()[found]!, sent.peek()[settings.image.peek()]];
    if (image !== undefined && (mask.width !== image.width || mask.height !== image.height)) {
      say(`The mask has ${mask.width} × ${mask.height} pixels and the image ${image.width} × ${image.height}. Choose a mask of its size.`, "error");
      return false;
    }
    settings.mask.value = found;
    noLongerLacks("mask");
    say("What the mask covers is made anew.");
    return true;
  } catch (error) {
    say(explain(error), "error");
    return false;
  }
}

export function withoutMask(): void {
  settings.mask.value = "";
  noLongerLacks("mask");
}

function noLongerLacks(field: string): void {
  lacking.value = lacking.peek().filter((each) => each !== field);
}

/** The next images start from noise. */
export function startFromNoise(): void {
  for (const field of FIELDS_OF_A_START) settings[field].value = "";
  lacking.value = [];
}
