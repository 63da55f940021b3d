import "./MakeBar.css";

export interface MakeBarProps {
  label: string;
  /** What will happen when the button is pressed, or why it cannot be. */
  about: string;
  disabled: boolean;
  onMake(): void;
}

/** The button that most presses are meant for. */
export function MakeBar({ label, about, disabled, onMake }: MakeBarProps) {
  return (
    <div class="make-bar">
      <button
        type="button"
        class="primary"
        disabled={disabled}
        aria-keyshortcuts="Control+Enter"
        onClick={onMake}
      >
        {label}
        <span class="keys" aria-hidden="true">
          Ctrl ↵
        </span>
      </button>
      <p role="status">{about}</p>
    </div>
  );
}
