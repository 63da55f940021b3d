import { Icon, type IconName } from "./icons";

interface ActButtonProps {
  icon: IconName;
  title: string;
  /** Its shortcut, as ARIA writes it. */
  keys?: string;
  disabled?: boolean;
  onClick: () => void;
}

/** A button that does something at once. */
export function ActButton({ icon, title, keys, disabled = false, onClick }: ActButtonProps) {
  const hint = keys ? `${title} (${keys.replace("Control", "Ctrl")})` : title;
  return (
    <button
      type="button"
      class="tool"
      title={hint}
      aria-label={title}
      aria-keyshortcuts={keys}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}
