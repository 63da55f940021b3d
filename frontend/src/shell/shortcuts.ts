import { useEffect, useRef } from "preact/hooks";
import { isTyping } from "../ui/is-typing";

/** What the keys of the page as a whole do; those of its parts are theirs. */
export interface Shortcuts {
  /** Ctrl+Enter, or Command+Enter. */
  make(): void;
  /** ? where nothing is written. */
  help(): void;
}

/** Hears these keys everywhere but in dialogs, before anything else does: Enter on the canvas paints. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = useRef(shortcuts);
  latest.current = shortcuts;
  useEffect(() => {
    function onKeyDown(event: KeyboardEvent): void {
      if (document.querySelector("dialog[open]")) return;
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        commit(event.target);
        latest.current.make();
      } else if (event.key === "?" && !isTyping(event.target)) latest.current.help();
      else return;
      event.preventDefault();
      event.stopPropagation();
    }
    addEventListener("keydown", onKeyDown, { capture: true });
    return () => removeEventListener("keydown", onKeyDown, { capture: true });
  }, []);
}

/** Numbers are taken over when their field is left; what is typed there now is meant as well. */
function commit(target: EventTarget | null): void {
  if (target instanceof Element && target.matches("input[type=number]"))
    target.dispatchEvent(new Event("change", { bubbles: true }));
}
