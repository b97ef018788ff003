/** Asks for an API key, over all else. What is below stays as it is, and goes on afterwards. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { explain } from "../api/errors";
import { session, signIn } from "../state/session";

export function SignIn() {
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const [shown, setShown] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  useLayoutEffect(() => {
    const own = dialog.current!;
    own.showModal();
    field.current!.focus();
    return () => own.close();
  }, []);

  const refuse = (why: string): void => {
    setProblem(why);
    field.current?.select();
  };
  const onSubmit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const key = field.current!.value.trim();
    if (busy) return;
    if (key === "") return refuse("Enter a key first.");
    setBusy(true);
    setProblem(null);
    try {
      if (!(await signIn(key))) refuse("The browser did not keep the sign-in. Allow cookies for this address and try again.");
    } catch (error) {
      refuse(explain(error));
    } finally {
      setBusy(false);
    }
  };

  const word = shown ? "Hide" : "Show";
  return (
    <dialog
      ref={dialog}
      class="signin"
      aria-labelledby="signin-title"
      aria-describedby="signin-why"
      onCancel={(event) => event.preventDefault()}
      onClose={() => dialog.current?.showModal()}
    >
      <form noValidate onSubmit={(event) => void onSubmit(event)} aria-busy={busy}>
        <h2 id="signin-title" class="brand">
          Sign in to Darkroom
        </h2>
        <p id="signin-why">{session.value === null ? FIRST : AGAIN}</p>
        {/* Password managers name what they keep by it. */}
        <input type="text" name="username" autocomplete="username" value="Darkroom" readOnly hidden />
        <div class="field">
          <label class="label" for="api-key">
            API key
          </label>
          <div class="reveal">
            <input
              id="api-key"
              ref={field}
              {...(shown ? SHOWN : HIDDEN)}
              name="password"
              autocomplete="current-password"
              autocapitalize="none"
              spellcheck={false}
              required
              aria-invalid={problem !== null}
              aria-describedby="api-key-problem"
            />
            <button type="button" aria-controls="api-key" aria-label={`${word} the key`} onClick={() => setShown(!shown)}>
              {word}
            </button>
          </div>
          <p id="api-key-problem" class="problem" role="alert">
            {problem}
          </p>
        </div>
        <button type="submit" class="primary">
          {busy ? "Signing in…" : "Sign in"}
        </button>
        <p class="hint">
          Whoever runs the server makes keys with <code>darkroom keys create</code>.
        </p>
      </form>
    </dialog>
  );
}

const SHOWN = { type: "text" } as const;
const HIDDEN = { type: "password" } as const;
const FIRST = "This server asks for an API key. The page trades it for a cookie and does not keep it.";
const AGAIN = "Your session has ended or the key was revoked. Sign in to go on where you were: nothing is lost.";
