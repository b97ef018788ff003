import { expect, test } from "vitest";
import { parseDocument } from "../src/docs/document";

const schemaOf = (text: string) => parseDocument(`{"components":{"schemas":{"S":${text}}}}`).components.schemas["S"];

test("a bound that a number would round is shown as it is written", () => {
  const schema = schemaOf('{"minimum":0,"maximum":9223372036854775807,"exclusiveMaximum": 18446744073709551616}');

  expect(schema).toEqual({ minimum: 0, maximum: "9223372036854775807", exclusiveMaximum: "18446744073709551616" });
});

test("small bounds stay numbers, and texts stay what they are", () => {
  const description = 'says "maximum":9223372036854775807, and so on';

  expect(schemaOf(JSON.stringify({ maximum: 100, description }))).toEqual({ maximum: 100, description });
  expect(schemaOf('{"maximum":9007199254740992.0}')).toEqual({ maximum: 9007199254740992 });
});
