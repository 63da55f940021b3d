import type { Studio } from "../state/studio";
import { MakeBar } from "./MakeBar";

/** The button that makes faces, and from what it makes them. */
export function GenerateBar({ studio }: { studio: Studio }) {
  const { count, caption } = studio.request.value;
  return (
    <MakeBar
      label={count === 1 ? "Generate a face" : `Generate ${count} faces`}
      about={madeFrom(caption.trim() !== "", !studio.editor.isBlank.value)}
      disabled={studio.sending.value}
      onMake={() => studio.generate()}
    />
  );
}

/** In words, what faces are made from. */
export function madeFrom(words: boolean, mask: boolean): string {
  if (words && mask) return "From mask and words";
  if (mask) return "From the mask alone: there are no words";
  if (words) return "From words alone: nothing is painted";
  return "Any face: nothing is painted or said";
}
