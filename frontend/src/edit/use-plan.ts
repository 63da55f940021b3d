import { useMemo } from "preact/hooks";
import type { EditSource, Studio } from "../state/studio";
import { type EditPlan, planEdit } from "./edit-plan";

/** What the edit would do as it is set up now. */
export function usePlan(studio: Studio, source: EditSource): EditPlan {
  const wanted = studio.editor.raster.value;
  const { regions: names } = studio.edit.value;
  const all = studio.regions.value;
  return useMemo(() => {
    const chosen = names && new Set(all.filter(({ name }) => names.includes(name)).map(({ id }) => id));
    return planEdit(source.oldMask, wanted, chosen);
  }, [source.oldMask, wanted, names, all]);
}
