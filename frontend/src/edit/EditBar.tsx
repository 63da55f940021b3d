import type { EditSource, Studio } from "../state/studio";
import "./EditBar.css";
import { type EditPlan, pictureSize } from "./edit-plan";
import { askForEdit } from "./edit-request";

export interface EditBarProps {
  studio: Studio;
  source: EditSource;
  plan: EditPlan;
}

/** The button that asks for the edit, or why it cannot. */
export function EditBar({ studio, source, plan }: EditBarProps) {
  const { count } = studio.request.value;
  const obstacle = formObstacle(studio, source) ?? plan.obstacle;
  return (
    <div class="edit-bar">
      <button
        type="button"
        class="primary"
        disabled={studio.sending.value || obstacle !== null}
        aria-keyshortcuts="Control+Enter"
        onClick={() => askForEdit(studio)}
      >
        {count === 1 ? "Draw it anew" : `Draw it anew ${count} times`}
      </button>
      <p role="status">{obstacle ?? "The original stays; this makes a face of its own."}</p>
    </div>
  );
}

/** Why a picture does not fit the model, null if it does. */
function formObstacle(studio: Studio, source: EditSource): string | null {
  const problem = studio.problemOf("image") ?? studio.problemOf("result");
  const { width, height } = pictureSize(studio);
  if (problem !== null || source.kind === "result" || width === height) return problem;
  return `The photograph is ${width} × ${height}, the model draws squares: open it again and have its face cut out.`;
}
