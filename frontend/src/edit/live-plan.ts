import { computed, type ReadonlySignal } from "@preact/signals";
import type { Region } from "../api/types";
import type { Editor } from "../editor/editor";
import type { EditSettings } from "../state/request";
import type { EditSource } from "../state/studio";
import { type EditPlan, planEdit } from "./edit-plan";

/** What the edit of a source would do as it is set up now, null while there is no source. */
export function livePlan(
  editor: Editor,
  source: ReadonlySignal<EditSource | null>,
  edit: ReadonlySignal<EditSettings>,
  regions: ReadonlySignal<readonly Region[]>,
): ReadonlySignal<EditPlan | null> {
  const names = computed(() => edit.value.regions); // of all settings the one that matters
  return computed(() => {
    if (source.value === null) return null;
    const ids = regions.value.filter(({ name }) => names.value?.includes(name)).map(({ id }) => id);
    return planEdit(source.value.oldMask, editor.raster.value, names.value && new Set(ids));
  });
}
