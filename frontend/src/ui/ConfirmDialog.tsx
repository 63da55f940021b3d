import { Dialog } from "./Dialog";
import "./ConfirmDialog.css";

interface ConfirmDialogProps {
  title: string;
  text: string;
  action: string;
  onConfirm(): void;
  onClose(): void;
}

/** Asks before something that cannot be undone. */
export function ConfirmDialog({ title, text, action, onConfirm, onClose }: ConfirmDialogProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      <div class="confirm-actions">
        <button type="button" onClick={onClose}>
          Keep it
        </button>
        <button
          type="button"
          class="primary"
          onClick={() => {
            onConfirm();
            onClose();
          }}
        >
          {action}
        </button>
      </div>
    </Dialog>
  );
}
