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

/** New words for one region: they go into the caption, and the region is drawn anew. */
export function RegionWords({ studio, edited }: RegionWordsProps) {
  const id = useId();
  const chosen = useSignal<string | null>(null);
  const words = useSignal("");
  const region = chosen.value ?? edited ?? "hair";

  function say() {
    if (!words.value.trim()) return;
    studio.change({ caption: withWordsFor(region, words.value, studio.request.value.caption) });
    const { regions } = studio.edit.value;
    const isDrawn = regions === null ? edited !== null : regions.includes(region);
    if (!isDrawn) studio.edit.value = { ...studio.edit.value, regions: [...(regions ?? []), region] };
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
    </div>
  );
}
