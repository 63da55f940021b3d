import { useId } from "preact/hooks";
import type { Studio } from "../state/studio";
import { FieldProblem } from "../ui/FieldProblem";

/** The words that a face is made from. */
export function CaptionField({ studio, label = "Words" }: { studio: Studio; label?: string }) {
  const id = useId();
  const problem = studio.problemOf("prompt");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        rows={3}
        maxLength={2000}
        placeholder="a smiling woman with wavy brown hair"
        value={studio.request.value.caption}
        aria-invalid={problem !== null}
        aria-describedby={problem === null ? undefined : `${id}-problem`}
        onInput={(event) => studio.change({ caption: event.currentTarget.value })}
      />
      <FieldProblem id={`${id}-problem`} text={problem} />
    </div>
  );
}
