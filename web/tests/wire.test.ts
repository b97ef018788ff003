import { describe, expect, test } from "vitest";
import { explain, explainFailure } from "../src/api/errors";
import { ApiError } from "../src/api/http";
import { parseJson, randomSeed, seedPlus, writeJson } from "../src/api/seeds";
import { EventParser, eventsIn } from "../src/api/sse";

const LARGE = "9223372036854775807";

describe("seeds", () => {
  test("are exact although JavaScript's numbers are not", () => {
    expect(parseJson(`{"seed":${LARGE},"seeds":[${LARGE}, 7],"steps":4}`)).toEqual({ seed: LARGE, seeds: [LARGE, "7"], steps: 4 });
    expect(writeJson({ seed: LARGE, steps: 4 })).toBe(`{"seed":${LARGE},"steps":4}`);
    expect(seedPlus(LARGE, -1)).toBe("9223372036854775806");
  });

  test("in somebody's prompt stay the prompt's", () => {
    const prompt = '"seed":12 and "seeds":[3] \\';
    expect(parseJson(JSON.stringify({ prompt }))).toEqual({ prompt });
    expect(JSON.parse(writeJson({ prompt: '"seed":"12"', seed: "5" }))).toEqual({ prompt: '"seed":"12"', seed: 5 });
  });

  test("are drawn below 2³²", () => {
    expect(Number(randomSeed())).toBeLessThan(2 ** 32);
  });
});

describe("server-sent events", () => {
  test("are found however their text is cut", () => {
    const text = 'retry: 2000\n\n: ping\n\nevent: status\ndata: {"a":1}\nid: job@1.2\n\nevent: done\ndata: x\ndata: y\n\n';
    for (const size of [1, 3, 1000]) {
      const parser = new EventParser();
      const found = (text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? []).flatMap((part) => parser.push(part));
      expect(found).toEqual([
        { event: "status", id: "job@1.2", data: '{"a":1}' },
        { event: "done", id: "", data: "x\ny" },
      ]);
      expect(parser.retryMs).toBe(2000);
    }
  });

  test("end where nothing comes any more, as on a dead connection", async () => {
    const silent = new ReadableStream<Uint8Array>();
    const found = [];
    for await (const event of eventsIn(silent, new EventParser(), 1)) found.push(event);
    expect(found).toEqual([]);
  });

  test("of a body are read to its end, also where a character is cut in two", async () => {
    const bytes = new TextEncoder().encode("data: ü\n\n");
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
        controller.close();
      },
    });
    const found = [];
    for await (const event of eventsIn(body, new EventParser(), 1000)) found.push(event.data);
    expect(found).toEqual(["ü"]);
  });
});

describe("an error", () => {
  test("names the field by the name that it has in the form, and says what to do", () => {
    const error = new ApiError("invalid_value", "The body is not valid.", [{ pointer: "/num_inference_steps", detail: "Must be at most 150" }], 422);
    expect(explain(error)).toBe("Steps: Must be at most 150. Change it and try again.");
  });

  test("of a kind that is not known still is a sentence", () => {
    expect(explain(new ApiError("strange", "Odd", [], 400))).toBe("Odd. Change it and try again.");
    expect(explain(new ApiError("internal_error", "Oh", [], 500, null, "req_1"))).toContain("(req_1)");
    expect(explain(new TypeError("x is undefined"))).not.toContain("undefined");
  });

  test("of a job is told like one of a request", () => {
    expect(explainFailure({ code: "out_of_memory", message: "CUDA", field: null })).toContain("smaller size");
    expect(explainFailure({ code: "invalid_value", message: "Too large", field: "width" })).toMatch(/^Width: Too large/);
  });

  test("that may pass is known by its status", () => {
    expect([0, 429, 503, 422, 500].map((status) => new ApiError("x", "y", [], status).passes)).toEqual([true, true, true, false, false]);
  });
});
