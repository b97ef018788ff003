/** The path under which a proxy publishes the server, such as `/darkroom`: what stands before this document's name. */
export const prefixOf = (pathname: string): string => pathname.slice(0, Math.max(0, pathname.lastIndexOf("/")));

/** Where the server answers for `path`. The server's own addresses have the prefix already. */
export function below(path: string, pathname = globalThis.location?.pathname ?? "/"): string {
  const prefix = prefixOf(pathname);
  return path.startsWith("/") && !(prefix && path.startsWith(`${prefix}/api/v1/`)) ? `${prefix}${path}` : path;
}
