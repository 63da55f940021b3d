import type { Signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import type { GatesLayout } from "./gate-maps";
import "./StepSlider.css";

/** Milliseconds that a step is shown for when they are played. */
const PACE = 450;

/** When a step is, as people read it. */
export function stepTitle({ steps, times }: GatesLayout, step: number): string {
  const time = times[step];
  const place = `step ${step + 1} of ${steps}`;
  return time === undefined ? place : `${place}, time ${time.toFixed(2)}`;
}

/** Moves through the steps, by hand or by itself. */
export function StepSlider({ layout, step }: { layout: GatesLayout; step: Signal<number> }) {
  const [playing, setPlaying] = useState(false);
  const last = layout.steps - 1;
  useEffect(() => {
    if (!playing) return;
    const timer = setInterval(() => {
      if (step.value >= last) setPlaying(false);
      else step.value += 1;
    }, PACE);
    return () => clearInterval(timer);
  }, [playing, last, step]);

  function play() {
    if (!playing && step.value >= last) step.value = 0;
    setPlaying(!playing);
  }

  return (
    <div class="gates-steps">
      <button type="button" class="gates-play" aria-label={playing ? "Pause" : "Play"} onClick={play}>
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d={playing ? "M4 3h3v10H4zM9 3h3v10H9z" : "M4 2.5v11L13.5 8z"} />
        </svg>
      </button>
      <div class="gates-slider">
        <input
          type="range"
          aria-label="Step"
          aria-valuetext={stepTitle(layout, step.value)}
          min={0}
          max={last}
          value={step.value}
          onInput={(event) => {
            setPlaying(false);
            step.value = event.currentTarget.valueAsNumber;
          }}
        />
        <div class="gates-ends" aria-hidden="true">
          <span>noise</span>
          <span>picture</span>
        </div>
      </div>
    </div>
  );
}
