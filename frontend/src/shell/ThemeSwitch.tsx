import type { Signal } from "@preact/signals";
import { THEMES, type Theme } from "../state/theme";
import { HalfIcon, MoonIcon, SunIcon } from "../ui/icons";

const ICONS = { auto: HalfIcon, light: SunIcon, dark: MoonIcon };
const NAMES = { auto: "as the system", light: "light", dark: "dark" };

/** A button that goes through the themes. */
export function ThemeSwitch({ theme }: { theme: Signal<Theme> }) {
  const now = theme.value;
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length] ?? "auto";
  const Icon = ICONS[now];
  const label = `Colours: ${NAMES[now]}. Change to ${NAMES[next]}`;
  return (
    <button
      type="button"
      class="quiet icon"
      aria-label={label}
      title={label}
      onClick={() => {
        theme.value = next;
      }}
    >
      <Icon />
    </button>
  );
}
