// Writes src/api/schema.d.ts from openapi.json, with the digest of that file, by which a test sees whether it is stale.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const text = readFileSync("openapi.json", "utf8");
const types = astToString(await openapiTS(text));
const digest = createHash("sha256").update(text).digest("hex");
writeFileSync("src/api/schema.d.ts", `// Written by \`make web\`. Schema ${digest}\n\n${types}`);
