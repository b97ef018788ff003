import { computed, signal } from "@preact/signals";
import { explain } from "../api/errors";
import { entriesNow, isActive, order, shape } from "../state/entries";
import { cancelAll } from "../state/queue";
import { session, signOut } from "../state/session";
import { say } from "../state/status";
import { open } from "../state/view";
import { Icon } from "./icons";

const active = computed(() => {
  void order.value, shape.value;
  return entriesNow().filter(isActive).length;
});

export function Header() {
  return (
    <header class="header">
      <div class="tools">
        <h1 class="brand">Darkroom</h1>
        <Work />
        <button type="button" class="quiet" onClick={() => open({ kind: "grid" })}>
          <Icon name="grid" />
          <span>X/Y grid</span>
        </button>
        <Theme />
      </div>
      <Account />
    </header>
  );
}

/** Whose key is in use, and the way out. A server without keys has neither. */
function Account() {
  if (!session.value?.keys_required) return null;
  const { name, tenant, role } = session.value;
  return (
    <div class="account">
      <span class="whose" title={`Key ${name} of ${tenant}, role ${role}`}>
        <span class="unseen">Signed in with the key </span>
        <strong>{name}</strong>
        <span class="unseen"> of </span>
        <span class="aside">{tenant}</span>
      </span>
      <button type="button" class="quiet" onClick={() => void signOut().catch((error) => say(explain(error), "error"))}>
        Sign out
      </button>
    </div>
  );
}

function Work() {
  const count = active.value;
  if (count === 0) return <span class="work" />;
  return (
    <span class="work">
      <span class="dot" />
      <span>
        {count}
        <span class="long"> in the making</span>
      </span>
      <button type="button" class="quiet" onClick={() => void cancelAll()}>
        Cancel all
      </button>
    </span>
  );
}

const THEMES = ["auto", "light", "dark"] as const;
const ICONS = { auto: "auto", light: "sun", dark: "moon" } as const;
const theme = signal<(typeof THEMES)[number]>(THEMES.find((each) => each === localStorage.getItem("darkroom.theme")) ?? "auto");

theme.subscribe((chosen) => {
  document.documentElement.dataset["theme"] = chosen;
  localStorage.setItem("darkroom.theme", chosen);
});

function Theme() {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!;
  return (
    <button
      type="button"
      class="quiet square"
      aria-label={`Colors: ${theme.value}. Change to ${next}`}
      title={`Colors: ${theme.value}`}
      onClick={() => (theme.value = next)}
    >
      <Icon name={ICONS[theme.value]} />
    </button>
  );
}
