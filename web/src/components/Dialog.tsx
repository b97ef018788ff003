import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { close } from "../state/view";
import { Icon } from "./icons";
import { LastNotice } from "./Notices";

interface Props {
  label: string;
  class: string;
  onKeyDown?: (event: KeyboardEvent) => void;
  children: ComponentChildren;
}

/** A modal dialog: the browser keeps the focus in it, and gives it back afterwards. */
export function Dialog({ label, class: name, onKeyDown, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const own = dialog.current!;
    own.showModal();
    return () => own.close(); // Only a dialog that is closed gives the focus back.
  }, []);
  const onCancel = (event: Event): void => {
    event.preventDefault();
    close();
  };
  return (
    <dialog
      ref={dialog}
      class={name}
      aria-label={label}
      onCancel={onCancel}
      onKeyDown={onKeyDown}
      onClick={({ target }) => target === dialog.current && close()}
    >
      <button type="button" class="chip leave" aria-label="Close" title="Close (Esc)" onClick={close}>
        <Icon name="close" />
      </button>
      {children}
      <LastNotice />
    </dialog>
  );
}
