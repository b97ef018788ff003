/** The prompt and the button, which are all that is needed, and the settings folded below them. */
import { useEffect, useRef } from "preact/hooks";
import { generate, problems } from "../state/make";
import { settings } from "../state/settings";
import { Labeled } from "./fields";
import { SettingsPanel } from "./SettingsPanel";

export function Composer() {
  const prompt = useRef<HTMLTextAreaElement>(null);
  useFocusBySlash(prompt);
  const problem = problems.value.prompt;
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    onSubmit(event);
  };
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    if (!generate()) (unfoldedProblem() ?? prompt.current)?.focus();
  };
  return (
    <form class="composer" onSubmit={onSubmit} aria-label="New image" noValidate>
      <Labeled id="prompt" label="Prompt" problem={problem} hint="Enter generates, Shift+Enter starts a new line">
        <textarea
          id="prompt"
          ref={prompt}
          rows={3}
          value={settings.prompt.value}
          placeholder="What do you want to see?"
          aria-invalid={problem !== undefined}
          aria-describedby="prompt-help"
          onInput={({ currentTarget }) => (settings.prompt.value = currentTarget.value)}
          onKeyDown={onKeyDown}
        />
      </Labeled>
      <button type="submit" class="primary">
        Generate
      </button>
      <SettingsPanel />
    </form>
  );
}

/** The first field with a problem, however deeply it is folded; null where the prompt is to be written first. */
function unfoldedProblem(): HTMLElement | null {
  if (settings.prompt.peek().trim() === "") return null;
  const field = document.querySelector<HTMLElement>('.settings [aria-invalid="true"]');
  for (let fold = field?.closest("details"); fold; fold = fold.parentElement?.closest("details")) fold.open = true;
  return field;
}

function useFocusBySlash(prompt: { current: HTMLTextAreaElement | null }): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      const typing = event.target instanceof Element && event.target.closest("input, textarea, select, dialog");
      if (event.key !== "/" || typing) return;
      event.preventDefault();
      prompt.current?.focus();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, [prompt]);
}
