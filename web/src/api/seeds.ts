/**
 * JSON with seeds as text. In JSON a quote within a string is escaped, so that `"seed":` without a backslash before it
 * is a name and never a part of somebody's prompt.
 */
const ONE = /(?<!\\)("seed"\s*:\s*)(\d+)/g;
const LIST = /(?<!\\)("seeds"\s*:\s*)\[([\d,\s]*)\]/g;
const TEXT = /(?<!\\)("seed":)"(\d+)"/g;

export function parseJson(text: string): unknown {
  const quoted = text
    .replace(ONE, '$1"$2"')
    .replace(LIST, (_, name: string, seeds: string) => `${name}[${seeds.replace(/\d+/g, '"$&"')}]`);
  return JSON.parse(quoted);
}

export function writeJson(value: unknown): string {
  return JSON.stringify(value).replace(TEXT, "$1$2");
}

/** A seed below 2³², as the server draws them. */
export function randomSeed(): string {
  return String(crypto.getRandomValues(new Uint32Array(1))[0]);
}

export function seedPlus(seed: string, more: number): string {
  return String(BigInt(seed) + BigInt(more));
}
