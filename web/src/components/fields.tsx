/** Fields of the form that are tied to a setting, with its problem below. */
import type { ComponentChildren } from "preact";
import { problems } from "../state/make";
import { LABELS, settings, type Field } from "../state/settings";

interface NumberProps {
  field: Field;
  placeholder?: string | number | undefined;
  step?: string;
  bounds?: { min: number | undefined; max: number | undefined; step: number | undefined };
}

/** Text that should be a number: a browser's own number field hides from us what is typed amiss. */
export function NumberField({ field, placeholder, step, bounds }: NumberProps) {
  const problem = problems.value[field];
  const change = (event: KeyboardEvent): void => {
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (by === undefined || field === "seed") return;
    event.preventDefault();
    const from = settings[field].value || (typeof placeholder === "number" ? String(placeholder) : "0");
    settings[field].value = stepped(from, by, step === "any" ? 0.1 : (bounds?.step ?? 1));
  };
  return (
    <Labeled id={field} label={LABELS[field]} problem={problem}>
      <input
        id={field}
        type="text"
        inputMode={step === "any" ? "decimal" : "numeric"}
        autocomplete="off"
        value={settings[field].value}
        placeholder={placeholder === undefined ? "" : String(placeholder)}
        aria-invalid={problem !== undefined}
        aria-describedby={`${field}-help`}
        onInput={({ currentTarget }) => (settings[field].value = currentTarget.value.trim().replace(",", "."))}
        onKeyDown={change}
      />
    </Labeled>
  );
}

interface LabeledProps {
  id: string;
  label: string;
  hint?: string;
  problem?: string | undefined;
  wide?: boolean;
  children: ComponentChildren;
}

/** A field below its label; what helps with it is beside the label and not part of its name. */
export function Labeled({ id, label, hint, problem, wide, children }: LabeledProps) {
  const help = problem ?? hint;
  return (
    <div class={wide ? "field wide" : "field"}>
      <label class="label" for={id}>
        {label}
      </label>
      {children}
      <span id={`${id}-help`} class={problem === undefined ? "hint" : "problem"} hidden={help === undefined}>
        {help}
      </span>
    </div>
  );
}

function stepped(text: string, by: number, step: number): string {
  const number = Number(text);
  if (Number.isNaN(number)) return text;
  return String(Math.max(0, Math.round((number + by * step) * 1000) / 1000));
}

interface ChoiceProps {
  field: Field;
  options: [value: string, name: string][];
  wide?: boolean;
}

export function Choice({ field, options, wide = false }: ChoiceProps) {
  const chosen = settings[field].value;
  const known = options.some(([value]) => value === chosen);
  const problem = problems.value[field];
  return (
    <Labeled id={field} label={LABELS[field]} problem={problem} wide={wide}>
      <select
        id={field}
        value={chosen}
        aria-invalid={problem !== undefined}
        aria-describedby={`${field}-help`}
        onChange={({ currentTarget }) => (settings[field].value = currentTarget.value)}
      >
        {!known && <option value={chosen}>{chosen}</option>}
        {options.map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </Labeled>
  );
}

/** Choices of what the server names in small letters. */
export const named = (name: string): [string, string] => [name, name[0]!.toUpperCase() + name.slice(1)];

export function Badge({ count }: { count: number }) {
  if (count === 0) return null;
  return (
    <span class="badge">
      {count}
      <span class="unseen"> changed</span>
    </span>
  );
}
