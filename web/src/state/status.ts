/** How the page stands with the server, and what is said aloud to those who do not see it. */
import { signal } from "@preact/signals";

/** When the next try to reach the server is made, in the milliseconds of Date.now; null while it is reached. */
export const retryAt = signal<number | null>(null);

/** Why nothing can be made yet, such as a model that is being loaded; null where all is well. */
export const notReady = signal<string | null>(null);

export interface Notice {
  text: string;
  /** What can be seen anyway is only read out. */
  kind: "info" | "error" | "quiet";
}

/** The last thing that happened, shown for a while and read out. */
export const notice = signal<Notice | null>(null);

const SHOWN_MS = 6_000;
let timer: ReturnType<typeof setTimeout> | undefined;

export function say(text: string, kind: Notice["kind"] = "info"): void {
  notice.value = { text, kind };
  clearTimeout(timer);
  timer = setTimeout(() => (notice.value = null), kind === "error" ? 2 * SHOWN_MS : SHOWN_MS);
}

/** The time, for what counts down. `keepTime` lets it run. */
export const now = signal(Date.now());

export function keepTime(): void {
  setInterval(() => {
    if (!document.hidden) now.value = Date.now();
  }, 500);
}
