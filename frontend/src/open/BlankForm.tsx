import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import type { Studio } from "../state/studio";
import { beginBlank } from "./begin";
import "./BlankForm.css";

/** As fine as the masks that come with the package. */
const FINE = 512;

/** A blank canvas of a size that is chosen. */
export function BlankForm({ studio, onDone }: { studio: Studio; onDone: () => void }) {
  const id = useId();
  const own = studio.model.value?.size ?? FINE;
  const sizes = [...new Set([FINE, own, 1024])].sort((a, b) => a - b);
  const size = useSignal(FINE);
  return (
    <section aria-labelledby={`${id}-title`}>
      <h3 id={`${id}-title`}>A blank canvas</h3>
      <div class="blank-form">
        <label for={id}>Size of the mask</label>
        <select
          id={id}
          value={size.value}
          onChange={(event) => {
            size.value = Number(event.currentTarget.value);
          }}
        >
          {sizes.map((side) => (
            <option key={side} value={side}>
              {side} × {side}
              {side === own ? ", as the picture" : ""}
            </option>
          ))}
        </select>
        <button
          type="button"
          onClick={() => {
            beginBlank(studio, size.value);
            onDone();
          }}
        >
          Blank canvas
        </button>
      </div>
    </section>
  );
}
