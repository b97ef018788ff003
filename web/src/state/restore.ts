/** From an image file to the settings that made it, or to a start for the next images. */
import { canStartFromImages } from "./make";
import { capabilities, restore, settings } from "./settings";
import { startFromFile } from "./startImage";
import { say } from "./status";

export async function takeFile(file: File): Promise<void> {
  const [{ parametersIn }, { settingsFrom }] = await Promise.all([import("../metadata/files"), import("../metadata/parameters")]);
  const text = parametersIn(new Uint8Array(await file.arrayBuffer()));
  const found = text === null ? null : settingsFrom(text, capabilities.peek());
  if (found !== null) {
    restore(found.values);
    return say(["The settings of the image are in the form.", ...found.notes].join(" "));
  }
  if (canStartFromImages(settings.model.peek())) return startFromFile(file);
  say("This file holds no settings. Use a PNG, WebP or JPEG file as Darkroom or AUTOMATIC1111 saved it.", "error");
}
