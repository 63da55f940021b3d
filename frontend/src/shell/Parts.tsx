import type { Signal } from "@preact/signals";
import { isActive } from "../state/job-list";
import type { Studio } from "../state/studio";
import "./Parts.css";

export type Part = "mask" | "words" | "faces";

const TITLES: readonly (readonly [part: Part, title: string])[] = [
  ["mask", "Mask"],
  ["words", "Words"],
  ["faces", "Faces"],
];

/** Which part is seen where not all have room. */
export function Parts({ part, studio }: { part: Signal<Part>; studio: Studio }) {
  const running = studio.jobs.value.filter(isActive).length;
  return (
    <nav class="parts" aria-label="Parts of the page">
      {TITLES.map(([name, title]) => (
        <button
          key={name}
          type="button"
          class="quiet"
          data-part={name}
          aria-current={part.value === name ? "true" : undefined}
          onClick={() => {
            part.value = name;
          }}
        >
          {title}
          {name === "faces" && running > 0 && <span class="parts-count">{running} on the way</span>}
        </button>
      ))}
    </nav>
  );
}
