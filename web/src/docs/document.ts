/** The parts of an OpenAPI 3.1 document that the API page shows. */
import { below } from "../api/base";

export interface Schema {
  $ref?: string;
  type?: string | string[];
  title?: string;
  description?: string;
  format?: string;
  const?: unknown;
  enum?: unknown[];
  default?: unknown;
  examples?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  minimum?: number;
  /** As text where it is too large for a number of JavaScript. */
  maximum?: number | string;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number | string;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  pattern?: string;
  contentMediaType?: string;
}

export type Content = Record<string, { schema?: Schema }>;

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema: Schema;
}

export interface Operation {
  operationId: string;
  tags?: string[];
  summary?: string;
  description?: string;
  parameters?: Parameter[];
  requestBody?: { content: Content };
  responses: Record<string, { description: string; content?: Content }>;
}

export interface ApiDocument {
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

export interface Route {
  method: string;
  path: string;
  operation: Operation;
}

export async function load(): Promise<ApiDocument> {
  const answer = await fetch(below("/openapi.json"));
  if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
  return parseDocument(await answer.text());
}

/** In JSON a quote within a string is escaped, so that a name without a backslash before it is never part of a text. */
const LARGE = /(?<!\\)("(?:exclusiveM|m)aximum"\s*:\s*)(\d{16,})(?=\s*[,}])/g;

/** The document, with upper bounds that a number would round as text. */
export function parseDocument(text: string): ApiDocument {
  return JSON.parse(text.replace(LARGE, '$1"$2"')) as ApiDocument;
}

/** The routes by tag, in the order of the document. */
export function grouped(document: ApiDocument): Map<string, Route[]> {
  const groups = new Map<string, Route[]>();
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const tag = operation.tags?.[0] ?? "other";
      groups.set(tag, [...(groups.get(tag) ?? []), { method: method.toUpperCase(), path, operation }]);
    }
  }
  return groups;
}

/** What `schema` stands for, and the name that the document gives to it. */
export function resolved(schema: Schema, document: ApiDocument): { schema: Schema; name: string | null } {
  const name = schema.$ref?.split("/").at(-1) ?? null;
  return name === null ? { schema, name } : { schema: document.components.schemas[name] ?? {}, name };
}

/** The alternatives of a schema, without null, and whether it may be null. */
export function alternatives(schema: Schema): { kinds: Schema[]; nullable: boolean } {
  const all = schema.anyOf ?? schema.oneOf ?? [schema];
  const kinds = all.filter((each) => each.type !== "null");
  return { kinds, nullable: kinds.length < all.length };
}
