import { drawSeed, MAX_SEED } from "../state/request";
import type { Studio } from "../state/studio";
import { DiceIcon, LockIcon, UnlockIcon } from "../ui/icons";
import { NumberField } from "../ui/NumberField";
import "./SeedField.css";

/** The seed: a new one each time, or locked. A seed that was chosen is locked, for it was chosen to be used. */
export function SeedField({ studio }: { studio: Studio }) {
  const { seed, seedLocked } = studio.request.value;
  const choose = (chosen: number) => studio.change({ seed: chosen, seedLocked: true });
  return (
    <div class="seed-field">
      <NumberField
        label={seedLocked ? "Seed, locked" : "Seed, new each time"}
        value={seed}
        min={0}
        max={MAX_SEED}
        problem={studio.problemOf("seed")}
        onChange={(typed) => typed !== null && typed !== seed && choose(typed)}
      />
      <button
        type="button"
        class="icon"
        aria-pressed={seedLocked}
        aria-label="Lock the seed"
        title={seedLocked ? "The same seed is used again" : "A new seed is drawn each time"}
        onClick={() => studio.change({ seedLocked: !seedLocked })}
      >
        {seedLocked ? <LockIcon /> : <UnlockIcon />}
      </button>
      <button
        type="button"
        class="icon"
        aria-label="Draw another seed and lock it"
        title="Draw another seed and lock it"
        onClick={() => choose(drawSeed())}
      >
        <DiceIcon />
      </button>
    </div>
  );
}
