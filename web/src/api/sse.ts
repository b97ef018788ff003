/** Reads server-sent events from the body of an answer: unlike EventSource, with errors that say why. */

export interface ServerEvent {
  event: string;
  id: string;
  data: string;
}

/** Takes text as it arrives, and gives the events that are complete. */
export class EventParser {
  private rest = "";
  retryMs: number | null = null;

  push(text: string): ServerEvent[] {
    const blocks = (this.rest + text).replaceAll("\r\n", "\n").split("\n\n");
    this.rest = blocks.pop() ?? "";
    return blocks.map((block) => this.read(block)).filter((event) => event !== null);
  }

  private read(block: string): ServerEvent | null {
    const found = { event: "message", id: "", data: [] as string[] };
    for (const line of block.split("\n")) {
      const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
      if (name === "data") found.data.push(value ?? "");
      else if (name === "event" || name === "id") found[name] = value ?? "";
      else if (name === "retry") this.retryMs = Number(value);
    }
    return found.data.length > 0 ? { ...found, data: found.data.join("\n") } : null;
  }
}

/**
 * Yields the events of a body until it ends. Ends it where nothing has come for `silenceMs`, although the server sends
 * a comment every 15 seconds: the connection is then dead, whatever the browser believes.
 */
export async function* eventsIn(
  body: ReadableStream<Uint8Array>,
  parser: EventParser,
  silenceMs: number,
): AsyncGenerator<ServerEvent, void> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  try {
    for (;;) {
      const alarm = setTimeout(() => void reader.cancel(), silenceMs);
      const { done, value } = await reader.read().finally(() => clearTimeout(alarm));
      if (done) return;
      yield* parser.push(value);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
