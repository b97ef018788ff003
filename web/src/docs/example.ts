/** Examples of values, made from their schemas. */
import { alternatives, resolved, type ApiDocument, type Route, type Schema } from "./document";

const DEPTH = 6;

/** A value that the schema allows: its example, its default, or the simplest one. */
export function example(given: Schema, document: ApiDocument, depth = 0): unknown {
  const { schema } = resolved(given, document);
  if (schema.examples?.length) return schema.examples[0];
  if (schema.const !== undefined) return schema.const;
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  if (schema.enum?.length) return schema.enum[0];
  const { kinds, nullable } = alternatives(schema);
  if (schema.anyOf ?? schema.oneOf) return nullable || !kinds[0] ? null : example(kinds[0], document, depth);
  if (depth > DEPTH) return null;
  return simplest(schema, document, depth);
}

function simplest(schema: Schema, document: ApiDocument, depth: number): unknown {
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === "object") {
    const members = Object.entries(schema.properties ?? {});
    return Object.fromEntries(members.map(([name, member]) => [name, example(member, document, depth + 1)]));
  }
  if (type === "array") return schema.items ? [example(schema.items, document, depth + 1)] : [];
  if (type === "integer" || type === "number") return schema.minimum ?? 0;
  if (type === "boolean") return false;
  return schema.format === "date-time" ? "2026-01-31T12:00:00Z" : "text";
}

/** A body with what is required and nothing else; of a prompt, one that gives an image. */
export function exampleBody(given: Schema, document: ApiDocument): Record<string, unknown> {
  const { schema } = resolved(given, document);
  const required = (schema.required ?? []).map((name): [string, unknown] => {
    const text = name === "prompt" ? "a red circle on a white background" : undefined;
    return [name, text ?? (schema.properties?.[name] ? example(schema.properties[name], document) : null)];
  });
  return Object.fromEntries(required);
}

/** A command that sends the request. */
export function command(route: Route, document: ApiDocument, base: string): string {
  const parts = [`curl ${route.method === "GET" ? "" : `-X ${route.method} `}'${base}${route.path}'`];
  const body = route.operation.requestBody?.content["application/json"]?.schema;
  if (body) {
    parts.push("-H 'Content-Type: application/json'", `-d '${JSON.stringify(exampleBody(body, document))}'`);
  }
  return parts.join(" \\\n  ");
}
