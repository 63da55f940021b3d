import { effect, type Signal, signal } from "@preact/signals";
import { createMemory } from "./memory";

export type Theme = "auto" | "light" | "dark";
export const THEMES: readonly Theme[] = ["auto", "light", "dark"];

const memory = createMemory<Theme>(
  "facemogle.theme",
  (kept) => THEMES.find((theme) => theme === kept) ?? "auto",
);

/** The theme as it was chosen, kept, and put onto the page; auto is what the system says, as it says it. */
export function createTheme(root: HTMLElement = document.documentElement): Signal<Theme> {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const systemDark = signal(system.matches);
  system.addEventListener("change", (event) => {
    systemDark.value = event.matches;
  });
  const theme = signal(memory.read());
  effect(() => {
    const dark = theme.value === "auto" ? systemDark.value : theme.value === "dark";
    root.dataset.theme = dark ? "dark" : "light";
    memory.keep(theme.value);
  });
  return theme;
}
