import type { Studio } from "../state/studio";
import { NumberField } from "../ui/NumberField";
import { SeedField } from "./SeedField";
import "./SeedLine.css";

/** The seed, and for how many pictures it counts up. */
export function SeedLine({ studio, count }: { studio: Studio; count: string }) {
  return (
    <div class="seed-line">
      <SeedField studio={studio} />
      <NumberField
        label={count}
        value={studio.request.value.count}
        min={1}
        max={16}
        problem={studio.problemOf("count")}
        onChange={(chosen) => chosen !== null && studio.change({ count: chosen })}
      />
    </div>
  );
}
