import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import "./Dialog.css";

export interface DialogProps {
  title: string;
  /** Called when it was closed: by its button, by Escape, by a press beside it. */
  onClose: () => void;
  children: ComponentChildren;
}

/** A window over the page, which waits until it is closed. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => ref.current?.showModal(), []);
  const close = () => ref.current?.close();
  return (
    <dialog
      ref={ref}
      class="dialog"
      aria-labelledby={heading}
      onClose={onClose}
      onPointerDown={(event) => event.target === event.currentTarget && close()}
    >
      <div class="dialog-paper">
        <header class="dialog-head">
          <h2 id={heading}>{title}</h2>
          <button type="button" class="dialog-close" aria-label="Close" onClick={close}>
            <svg viewBox="0 0 16 16" aria-hidden="true">
              <path d="M3 3l10 10M13 3L3 13" />
            </svg>
          </button>
        </header>
        <div class="dialog-body">{children}</div>
      </div>
    </dialog>
  );
}
