/** Settings that are folded together, and those that are on or off. */
import type { ComponentChildren } from "preact";
import { LABELS, settings, type Field } from "../state/settings";
import { Badge } from "./fields";

interface FoldProps {
  name: string;
  /** The settings within, which say whether it was touched. */
  fields: readonly Field[];
  /** Whether it is unfolded from the start. */
  open?: boolean;
  children: ComponentChildren;
}

export function Fold({ name, fields, open = false, children }: FoldProps) {
  const changed = fields.filter((field) => settings[field].value !== "").length;
  return (
    <details class="fold wide" open={open || undefined}>
      <summary>
        {name} <Badge count={changed} />
      </summary>
      <div class="fields">{children}</div>
    </details>
  );
}

/** A setting that is on or off. */
export function Check({ field, hint }: { field: Field; hint?: string }) {
  return (
    <div class="check wide">
      <input
        id={field}
        type="checkbox"
        checked={settings[field].value !== ""}
        aria-describedby={`${field}-help`}
        onChange={({ currentTarget }) => (settings[field].value = currentTarget.checked ? "1" : "")}
      />
      <label for={field}>{LABELS[field]}</label>
      <span id={`${field}-help`} class="hint" hidden={hint === undefined}>
        {hint}
      </span>
    </div>
  );
}
