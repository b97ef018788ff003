/** Schemas as lists of their fields. */
import { alternatives, resolved, type ApiDocument, type Schema } from "./document";

const DEPTH = 5;

/** A type in words, such as `string or array of string`. */
function kindOf(given: Schema, document: ApiDocument): string {
  const { kinds, nullable } = alternatives(given);
  const names = kinds.map((kind) => {
    const { schema, name } = resolved(kind, document);
    if (schema.type === "array" && schema.items) return `array of ${kindOf(schema.items, document)}`;
    if (schema.const !== undefined) return JSON.stringify(schema.const);
    return name ?? [schema.type ?? "any"].flat().join(" or ");
  });
  return [...new Set([...names, ...(nullable ? ["null"] : [])])].join(" or ");
}

/** The bounds of a schema in words. */
function bounds(schema: Schema): string[] {
  const { kinds } = alternatives(schema);
  const said: [string, unknown][] = kinds.flatMap((kind): [string, unknown][] => [
    ["at least", kind.minimum],
    ["more than", kind.exclusiveMinimum],
    ["at most", kind.maximum],
    ["less than", kind.exclusiveMaximum],
    ["characters at least", kind.minLength],
    ["characters at most", kind.maxLength],
    ["items at least", kind.minItems],
    ["items at most", kind.maxItems],
    ["one of", kind.enum?.map((each) => JSON.stringify(each)).join(", ")],
    ["format", kind.format],
  ]);
  const told = said.filter(([, value]) => value !== undefined).map(([words, value]) => `${words} ${value}`);
  if (schema.default !== undefined) told.push(`default ${JSON.stringify(schema.default)}`);
  return told;
}

/** The object whose fields are worth showing: the schema itself, or what a list or an alternative holds. */
function inner(given: Schema, document: ApiDocument): Schema | null {
  const { schema } = resolved(given, document);
  if (schema.properties) return schema;
  if (schema.items) return inner(schema.items, document);
  const found = alternatives(schema).kinds.filter((kind) => kind !== schema).map((kind) => inner(kind, document));
  return found.find((each) => each !== null) ?? null;
}

interface FieldsProps {
  schema: Schema;
  document: ApiDocument;
  depth?: number;
}

export function Fields({ schema, document, depth = 0 }: FieldsProps) {
  const shown = inner(schema, document);
  if (shown === null || depth > DEPTH) return <p class="kind">{kindOf(schema, document)}</p>;
  return (
    <ul class="schema">
      {Object.entries(shown.properties ?? {}).map(([name, field]) => (
        <Field key={name} {...{ name, schema: field, document, depth, required: shown.required?.includes(name) ?? false }} />
      ))}
    </ul>
  );
}

interface FieldProps {
  name: string;
  schema: Schema;
  document: ApiDocument;
  required: boolean;
  depth?: number;
}

export function Field({ name, schema, document, required, depth = 0 }: FieldProps) {
  const resolvedSchema = resolved(schema, document).schema;
  const about = schema.description ?? resolvedSchema.description;
  const nested = depth < DEPTH && inner(schema, document);
  return (
    <li>
      <code class="name">{name}</code> <span class="kind">{kindOf(schema, document)}</span>
      {required && <span class="required"> required</span>}
      {bounds(resolvedSchema).map((bound) => (
        <span class="bound" key={bound}>
          {bound}
        </span>
      ))}
      {about && <p>{about}</p>}
      {nested && (
        <details>
          <summary>Fields of {name}</summary>
          <Fields {...{ schema, document, depth: depth + 1 }} />
        </details>
      )}
    </li>
  );
}
