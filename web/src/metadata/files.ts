/**
 * Finds the generation parameters in an image file: in a PNG's text chunk "parameters", or in the Exif user comment of
 * a WebP or JPEG file. Files are somebody's: whatever is out of place in one means that there are none.
 */

export function parametersIn(file: Uint8Array): string | null {
  try {
    if (startsWith(file, 0, PNG)) return inPng(file);
    if (startsWith(file, 0, JPEG)) return inJpeg(file);
    if (latin(file, 0, 4) === "RIFF" && latin(file, 8, 12) === "WEBP") return inWebp(file);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return null;
}

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const JPEG = [0xff, 0xd8];
const KEYWORD = "parameters";

function inPng(file: Uint8Array): string | null {
  const view = viewOf(file);
  for (let at = PNG.length; at + 12 <= file.length; at += 12 + view.getUint32(at)) {
    const data = file.subarray(at + 8, at + 8 + view.getUint32(at));
    const kind = latin(file, at + 4, at + 8);
    const text = kind === "tEXt" ? inText(data) : kind === "iTXt" ? inInternationalText(data) : null;
    if (text !== null) return text;
    if (kind === "IEND") return null;
  }
  return null;
}

function inText(data: Uint8Array): string | null {
  const end = data.indexOf(0);
  return latin(data, 0, end) === KEYWORD ? latin(data, end + 1, data.length) : null;
}

/** Keyword, 0, compressed or not, method, language, 0, translated keyword, 0, text in UTF-8. */
function inInternationalText(data: Uint8Array): string | null {
  const end = data.indexOf(0);
  if (latin(data, 0, end) !== KEYWORD || data[end + 1] !== 0) return null;
  const language = data.indexOf(0, end + 3);
  const translated = data.indexOf(0, language + 1);
  return new TextDecoder().decode(data.subarray(translated + 1));
}

function inWebp(file: Uint8Array): string | null {
  const view = viewOf(file);
  for (let at = 12; at + 8 <= file.length; ) {
    const size = view.getUint32(at + 4, true);
    if (latin(file, at, at + 4) === "EXIF") return comment(file.subarray(at + 8, at + 8 + size));
    at += 8 + size + (size % 2);
  }
  return null;
}

function inJpeg(file: Uint8Array): string | null {
  const view = viewOf(file);
  for (let at = JPEG.length; at + 4 <= file.length && file[at] === 0xff; at += 2 + view.getUint16(at + 2)) {
    const segment = file.subarray(at + 4, at + 2 + view.getUint16(at + 2));
    if (file[at + 1] === 0xe1 && latin(segment, 0, 4) === "Exif") return comment(segment);
    if (file[at + 1] === 0xda) return null;
  }
  return null;
}

/** The user comment is the only text that an Exif block marks as Unicode. Its byte order is the block's. */
function comment(exif: Uint8Array): string | null {
  const block = latin(exif, 0, exif.length);
  const start = block.indexOf("UNICODE\0");
  if (start < 0) return null;
  const little = block.replace("Exif\0\0", "").startsWith("II");
  return new TextDecoder(little ? "utf-16le" : "utf-16be").decode(exif.subarray(start + 8)).replace(/\0+$/, "");
}

const viewOf = (file: Uint8Array): DataView => new DataView(file.buffer, file.byteOffset, file.byteLength);

const startsWith = (file: Uint8Array, at: number, bytes: number[]): boolean => bytes.every((byte, index) => file[at + index] === byte);

/** Latin-1, which TextDecoder does not know: its own is Windows' superset. */
function latin(file: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < Math.min(end, file.length); at += 1) text += String.fromCharCode(file[at]!);
  return text;
}
