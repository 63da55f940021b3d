import { MakeBar } from "../panels/MakeBar";
import type { Studio } from "../state/studio";
import { pictureSize } from "./edit-plan";
import { askForEdit } from "./edit-request";

/** The button that asks for the edit, or why it cannot. */
export function EditBar({ studio }: { studio: Studio }) {
  const { count } = studio.request.value;
  const obstacle = formObstacle(studio) ?? studio.plan.value?.obstacle ?? null;
  return (
    <MakeBar
      label={count === 1 ? "Draw it anew" : `Draw it anew ${count} times`}
      about={obstacle ?? "The original stays; this makes a face of its own."}
      disabled={studio.sending.value || obstacle !== null}
      onMake={() => askForEdit(studio)}
    />
  );
}

/** Why a picture does not fit the model, null if it does. */
function formObstacle(studio: Studio): string | null {
  const { width, height } = pictureSize(studio);
  if (studio.source.value?.kind !== "photo" || width === height) return null;
  return `The photograph is ${width} × ${height}, the model draws squares: open it again and have its face cut out.`;
}
