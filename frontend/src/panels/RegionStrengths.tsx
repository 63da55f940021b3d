import { useSignal } from "@preact/signals";
import type { Studio } from "../state/studio";
import "./RegionStrengths.css";
import { regionTitle } from "../ui/region-title";
import { SliderField } from "../ui/SliderField";

/** How strongly each region acts: those that are painted or were changed, all on demand. */
export function RegionStrengths({ studio }: { studio: Studio }) {
  const all = useSignal(false);
  const { regionStrength } = studio.request.value;
  const painted = studio.editor.isBlank.value ? [] : studio.editor.counts.value;
  const regions = studio.regions.value;
  const shown = regions.filter(({ id, name }) => all.value || painted[id] || name in regionStrength);

  function choose(name: string, strength: number | null): void {
    const { [name]: _, ...others } = regionStrength;
    studio.change({ regionStrength: strength === null ? others : { ...others, [name]: strength } });
  }

  return (
    <div class="region-strengths">
      {shown.length === 0 && <p>Regions that are painted can act more or less strongly.</p>}
      {shown.map(({ id, name, color }) => (
        <SliderField
          key={id}
          label={regionTitle(name)}
          swatch={color}
          value={regionStrength[name] ?? null}
          own={1}
          min={0}
          max={3}
          most={100}
          step={0.05}
          problem={studio.problemOf(`region_strength.${name}`)}
          onChange={(strength) => choose(name, strength)}
        />
      ))}
      {(all.value || shown.length < regions.length) && (
        <button
          type="button"
          class="quiet"
          aria-expanded={all.value}
          onClick={() => {
            all.value = !all.value;
          }}
        >
          {all.value ? "Only painted regions" : "All regions"}
        </button>
      )}
    </div>
  );
}
