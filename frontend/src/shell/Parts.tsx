import { isActive } from "../state/job-list";
import type { Part, Studio } from "../state/studio";
import "./Parts.css";

const TITLES: readonly (readonly [part: Part, title: string])[] = [
  ["mask", "Mask"],
  ["words", "Words"],
  ["faces", "Faces"],
];

/** Which part is seen where not all have room. */
export function Parts({ studio }: { studio: Studio }) {
  const running = studio.jobs.value.filter(isActive).length;
  return (
    <nav class="parts" aria-label="Parts of the page">
      {TITLES.map(([name, title]) => (
        <button
          key={name}
          type="button"
          class="quiet"
          data-part={name}
          aria-current={studio.part.value === name ? "true" : undefined}
          onClick={() => {
            studio.part.value = name;
          }}
        >
          {title}
          {name === "faces" && running > 0 && <span class="parts-count">{running} on the way</span>}
        </button>
      ))}
    </nav>
  );
}
