import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vite";
import { sourceDigest } from "./scripts/sources.mjs";

const root = import.meta.dirname;
const outDir = join(root, "../service/web/assets");

/** Writes which sources the files were built from, so that a test sees whether they are up to date. */
const stamp = {
  name: "stamp",
  apply: "build" as const,
  closeBundle() {
    writeFileSync(join(outDir, "build.json"), `${JSON.stringify({ sources: sourceDigest(root) })}\n`);
  },
};

export default defineConfig(({ command }) => ({
  root,
  base: command === "build" ? "./" : "/",
  // The pages stand beside the folder of their files, and a proxy may publish all of it under any path.
  experimental: {
    renderBuiltUrl: (name, { hostType }) => (hostType === "html" ? `assets/${name}` : { relative: true }),
  },
  plugins: [stamp],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: { proxy: { "/api": "http://127.0.0.1:8000", "/readyz": "http://127.0.0.1:8000", "/openapi.json": "http://127.0.0.1:8000" } },
  build: {
    outDir,
    emptyOutDir: true,
    assetsDir: "",
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // What dialogs share with the page is in one file: several small ones are compressed less well.
    rolldownOptions: {
      input: [join(root, "index.html"), join(root, "docs.html")],
      output: { codeSplitting: { groups: [{ name: "shared", minShareCount: 2 }] } },
    },
  },
}));
