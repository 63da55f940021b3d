import { useEffect, useRef } from "preact/hooks";

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
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) latest.current.make();
      else if (event.key === "?" && !isTyping(event.target)) latest.current.help();
      else return;
      event.preventDefault();
      event.stopPropagation();
    }
    addEventListener("keydown", onKeyDown, { capture: true });
    return () => removeEventListener("keydown", onKeyDown, { capture: true });
  }, []);
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof Element &&
    target.matches("input:not([type=range], [type=checkbox], [type=radio]), textarea, select")
  );
}
