import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { Studio } from "../state/studio";
import type { Theme } from "../state/theme";
import { KeyboardIcon } from "../ui/icons";
import "./Header.css";
import { ThemeSwitch } from "./ThemeSwitch";

interface HeaderProps {
  studio: Studio;
  theme: Signal<Theme>;
  onHelp(): void;
  /** The ways to begin. */
  children?: ComponentChildren;
}

/** What this is, what it runs, how to begin. */
export function Header({ studio, theme, onHelp, children }: HeaderProps) {
  const model = studio.model.value;
  return (
    <header class="header">
      <h1>
        <img src="./icon.svg" alt="" width="24" height="24" />
        facemogle
      </h1>
      {children}
      <p class="header-state" aria-live="polite">
        {studio.phase.value === "ready" && !studio.connected.value && (
          <span class="header-broken">Connecting to the studio again …</span>
        )}
      </p>
      {model && (
        <p class="header-model" title={`Model ${model.fingerprint}`}>
          {model.name}, {model.size} px
        </p>
      )}
      <ThemeSwitch theme={theme} />
      <button
        type="button"
        class="quiet icon header-keys"
        aria-label="Keyboard"
        title="Keyboard (?)"
        onClick={onHelp}
      >
        <KeyboardIcon />
      </button>
    </header>
  );
}
