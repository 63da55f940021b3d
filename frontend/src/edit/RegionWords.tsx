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
  const said = useSignal<{ of: string; caption: string } | null>(null);
  const { caption } = studio.request.value;
  const current = said.value?.caption === caption ? said.value.of : null; // other words may be of other regions
  const region = chosen.value ?? edited ?? "hair";

  function say() {
    if (!words.value.trim()) return;
    const next = withWordsFor(region, words.value, caption);
    studio.change({ caption: next });
    const { regions } = studio.edit.value;
    const isLeftOut = regions === null ? edited === null : !regions.includes(region);
    if (isLeftOut) studio.edit.value = { ...studio.edit.value, regions: [...(regions ?? []), region] };
    said.value = { of: region, caption: next };
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
      <p role="status">{current !== null && whyInVain(studio, current)}</p>
    </div>
  );
}

/** Why words for a region change nothing as the edit is set up now; null if they do. */
function whyInVain(studio: Studio, name: string): string | null {
  const region = studio.regions.value.find((known) => known.name === name);
  if (!region || studio.plan.value?.labels.includes(region.id)) return null;
  const title = regionTitle(name);
  if (studio.edit.value.regions?.includes(name))
    return `The words are in, but no “${title}” is in the mask: paint it first.`;
  return `The words are in, but nothing of “${title}” is drawn anew: change it in the mask, or choose it above.`;
}
