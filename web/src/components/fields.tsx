/** Fields of the form that are tied to a setting, with its problem below. */
import { problems } from "../state/make";
import { settings, type Field } from "../state/settings";

interface NumberProps {
  field: Field;
  label: string;
  placeholder?: string | number | undefined;
  step?: string;
  bounds?: { min: number | undefined; max: number | undefined; step: number | undefined };
}

/** Text that should be a number: a browser's own number field hides from us what is typed amiss. */
export function NumberField({ field, label, placeholder, step, bounds }: NumberProps) {
  const problem = problems.value[field];
  const change = (event: KeyboardEvent): void => {
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (by === undefined || field === "seed") return;
    event.preventDefault();
    settings[field].value = stepped(settings[field].value || String(placeholder ?? ""), by, step === "any" ? 0.1 : (bounds?.step ?? 1));
  };
  return (
    <label class="field">
      <span class="label">{label}</span>
      <input
        type="text"
        inputMode={step === "any" ? "decimal" : "numeric"}
        autocomplete="off"
        value={settings[field].value}
        placeholder={placeholder === undefined ? "" : String(placeholder)}
        aria-invalid={problem !== undefined}
        aria-describedby={problem === undefined ? undefined : `${field}-problem`}
        onInput={({ currentTarget }) => (settings[field].value = currentTarget.value.trim().replace(",", "."))}
        onKeyDown={change}
      />
      {problem !== undefined && (
        <span id={`${field}-problem`} class="problem">
          {problem}
        </span>
      )}
    </label>
  );
}

function stepped(text: string, by: number, step: number): string {
  const number = Number(text);
  if (Number.isNaN(number)) return text;
  return String(Math.max(0, Math.round((number + by * step) * 1000) / 1000));
}

interface ChoiceProps {
  field: Field;
  label: string;
  options: [value: string, name: string][];
  wide?: boolean;
}

export function Choice({ field, label, options, wide }: ChoiceProps) {
  const chosen = settings[field].value;
  const known = options.some(([value]) => value === chosen);
  return (
    <label class={wide ? "field wide" : "field"}>
      <span class="label">{label}</span>
      <select value={chosen} onChange={({ currentTarget }) => (settings[field].value = currentTarget.value)}>
        {!known && <option value={chosen}>{chosen}</option>}
        {options.map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
