// The digest of everything that a build depends on. `tests/web/test_build.py` computes the same without node.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const FILES = ["docs.html", "index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts"];

const sha256 = (data) => createHash("sha256").update(data).digest("hex");

export function sourceDigest(root) {
  const below = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
  const lines = [...FILES, ...below].sort().map((name) => `${sha256(readFileSync(join(root, name)))}  ${name}\n`);
  return sha256(lines.join(""));
}
