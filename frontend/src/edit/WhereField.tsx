import { useId } from "preact/hooks";
import type { Region } from "../api/types";
import type { LabelRaster } from "../mask/label-raster";
import type { Studio } from "../state/studio";
import { FieldProblem } from "../ui/FieldProblem";
import { regionTitle } from "../ui/region-title";
import "./WhereField.css";

/** What is drawn anew: where the mask was changed, or regions that are chosen. */
export function WhereField({ studio, oldMask }: { studio: Studio; oldMask: LabelRaster }) {
  const name = useId();
  const { regions } = studio.edit.value;
  const choose = (next: readonly string[] | null) => {
    studio.edit.value = { ...studio.edit.value, regions: next };
  };
  return (
    <fieldset class="where-field">
      <legend>What is drawn anew</legend>
      <label class="check">
        <input type="radio" name={name} checked={regions === null} onChange={() => choose(null)} />
        Where the mask was changed
      </label>
      <label class="check">
        <input type="radio" name={name} checked={regions !== null} onChange={() => choose(regions ?? [])} />
        Whole regions
      </label>
      {regions !== null && (
        <ul>
          {regionsToChoose(studio, oldMask, regions).map((region) => (
            <li key={region.name}>
              <label class="check">
                <input
                  type="checkbox"
                  checked={regions.includes(region.name)}
                  onChange={(event) => {
                    const others = regions.filter((other) => other !== region.name);
                    choose(event.currentTarget.checked ? [...others, region.name] : others);
                  }}
                />
                <span class="swatch" style={{ background: region.color }} />
                {regionTitle(region.name)}
              </label>
            </li>
          ))}
        </ul>
      )}
      <FieldProblem id={`${name}-problem`} text={studio.problemOf("regions") ?? studio.problemOf("mask")} />
    </fieldset>
  );
}

/** The regions of either mask, and what is chosen already. */
function regionsToChoose(studio: Studio, oldMask: LabelRaster, chosen: readonly string[]): Region[] {
  const before = new Set(oldMask.labels);
  const now = studio.editor.counts.value;
  return studio.regions.value.filter(({ id, name }) => before.has(id) || now[id] || chosen.includes(name));
}
