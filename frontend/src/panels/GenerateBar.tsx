import type { Studio } from "../state/studio";
import "./GenerateBar.css";

/** The button that makes faces, and what will happen when it is pressed. */
export function GenerateBar({ studio }: { studio: Studio }) {
  const { count, caption } = studio.request.value;
  return (
    <div class="generate-bar">
      <button
        type="button"
        class="primary"
        disabled={studio.sending.value}
        aria-keyshortcuts="Control+Enter"
        onClick={() => studio.generate()}
      >
        {count === 1 ? "Generate a face" : `Generate ${count} faces`}
        <span class="keys" aria-hidden="true">
          Ctrl ↵
        </span>
      </button>
      <p>{madeFrom(caption.trim() !== "", !studio.editor.isBlank.value)}</p>
    </div>
  );
}

/** In words, what faces are made from. */
export function madeFrom(words: boolean, mask: boolean): string {
  if (words && mask) return "From mask and words";
  if (mask) return "From the mask alone: there are no words";
  if (words) return "From words alone: nothing is painted";
  return "Any face: nothing is painted or said";
}
