import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import type { Studio } from "../state/studio";
import { regionTitle } from "../ui/region-title";
import { withWordsFor } from "./caption";
import "./RegionWords.css";

export interface RegionWordsProps {
  studio: Studio;
  /** The region that is edited most, null if none is. */
  edited: string | null;
}

/**
 * New words for one region: they go into the caption, and the region is drawn anew, unless other places are
 * because the mask was changed there; then it is told that the words change nothing.
 */
export function RegionWords({ studio, edited }: RegionWordsProps) {
  const id = useId();
  const chosen = useSignal<string | null>(null);
  const words = useSignal("");
  const said = useSignal<string | null>(null);
  const region = chosen.value ?? edited ?? "hair";
  const isInVain = said.value !== null && !isDrawn(studio, said.value);

  function say() {
    if (!words.value.trim()) return;
    studio.change({ caption: withWordsFor(region, words.value, studio.request.value.caption) });
    const { regions } = studio.edit.value;
    const isLeftOut = regions === null ? edited === null : !regions.includes(region);
    if (isLeftOut) studio.edit.value = { ...studio.edit.value, regions: [...(regions ?? []), region] };
    said.value = region;
    words.value = "";
  }

  return (
    <div class="region-words">
      <label for={`${id}-words`}>New words for</label>
      <select
        aria-label="Region that the words are for"
        value={region}
        onChange={(event) => {
          chosen.value = event.currentTarget.value;
        }}
      >
        {studio.regions.value.map(({ name }) => (
          <option key={name} value={name}>
            {regionTitle(name)}
          </option>
        ))}
      </select>
      <input
        id={`${id}-words`}
        type="text"
        placeholder="curly black hair"
        value={words.value}
        onInput={(event) => {
          words.value = event.currentTarget.value;
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
          event.preventDefault();
          say();
        }}
      />
      <button type="button" disabled={!words.value.trim()} onClick={say}>
        Put in
      </button>
      <p role="status">
        {isInVain &&
          `The words are in, but nothing of the region “${regionTitle(said.value ?? "")}” is drawn anew: ` +
            "change it in the mask, or choose it above."}
      </p>
    </div>
  );
}

/** Whether the edit draws anything of a region. */
function isDrawn(studio: Studio, name: string): boolean {
  const region = studio.regions.value.find((known) => known.name === name);
  return region !== undefined && studio.plan.value?.labels.includes(region.id) === true;
}
