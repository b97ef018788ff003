/**
 * Addresses of images come from the server. One that is not an image of this server, or part of this page, is not
 * loaded, whatever the server says.
 */
export function srcOf(url: string): string {
  return /^((\/[\w~-][\w.~-]*)*\/api\/v1\/|data:image\/(png|webp|jpeg);base64,|blob:)/.test(url) ? url : "";
}
