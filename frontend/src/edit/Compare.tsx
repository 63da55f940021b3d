import { useSignal } from "@preact/signals";
import "./Compare.css";

export interface CompareProps {
  /** Where the pictures are; they have one form. */
  before: string;
  after: string;
  /** What the picture after the edit shows. */
  alt: string;
  width: number;
  height: number;
}

/** A picture before and after its edit, with a line between them that can be moved. */
export function Compare({ before, after, alt, width, height }: CompareProps) {
  const place = useSignal(50);
  return (
    <div class="compare" style={{ aspectRatio: `${width} / ${height}`, "--place": `${place.value}%` }}>
      <img src={after} alt={alt} />
      <img class="compare-before" src={before} alt="Before the edit" />
      <span class="compare-line" />
      <span class="compare-name" aria-hidden="true" hidden={place.value < 20}>
        before
      </span>
      <span class="compare-name compare-name-after" aria-hidden="true" hidden={place.value > 80}>
        after
      </span>
      <input
        type="range"
        aria-label="How much is shown as it was before"
        aria-valuetext={`${place.value} %`}
        min={0}
        max={100}
        value={place.value}
        onInput={(event) => {
          place.value = event.currentTarget.valueAsNumber;
        }}
      />
    </div>
  );
}
