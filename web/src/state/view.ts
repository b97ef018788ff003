/** Which dialog is open: an image at full size, two to compare, a grid, or a mask. */
import { signal } from "@preact/signals";
import { writeAddress } from "./address";
import { values } from "./settings";

export type View =
  | { kind: "image"; tile: string }
  | { kind: "compare"; one: string; other: string }
  | { kind: "grid" }
  | { kind: "mask" }
  | null;

export const view = signal<View>(null);

/** The tile that waits for a second one to be compared with. */
export const compared = signal<string | null>(null);

/** What is shown again when the dialog above it is left. */
let below: View = null;

/** Opens a dialog. The browser's own way back closes it. */
export function open(next: NonNullable<View>): void {
  if (view.peek() === null) history.pushState({ dialog: true }, "");
  else if (view.peek()?.kind === "grid") below = view.peek();
  view.value = next;
}

export function close(): void {
  if (view.peek() === null) return;
  if ((history.state as { dialog?: boolean } | null)?.dialog) history.back();
  else leave();
}

/** The entry of the history that a dialog is left for has an older address: the settings may have changed since. */
export function closeOnBack(): void {
  addEventListener("popstate", () => {
    if (view.peek() === null) return;
    leave();
    writeAddress(values.peek());
  });
}

function leave(): void {
  const next = below;
  view.value = below = null;
  if (next !== null) open(next);
}

export function compare(tile: string): void {
  const first = compared.peek();
  if (first === null || first === tile) {
    compared.value = first === tile ? null : tile;
    return;
  }
  compared.value = null;
  open({ kind: "compare", one: first, other: tile });
}
