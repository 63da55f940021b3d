import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { wordsOf } from "../api/problem";
import type { Result } from "../api/types";
import type { LabelRaster } from "../mask/label-raster";
import { decodeMask } from "../mask/png";
import type { Studio } from "../state/studio";
import { Dialog } from "../ui/Dialog";
import { ExpertList } from "./ExpertList";
import { percent } from "./expert";
import { decodeGates, type GateMaps, WHOLE_MASK } from "./gate-maps";
import { LargeMap } from "./LargeMap";
import { StepSlider } from "./StepSlider";
import { WeightChart } from "./WeightChart";
import "../ui/fields.css";
import "./GatesView.css";

export interface GatesViewProps {
  studio: Studio;
  result: Result;
  onClose: () => void;
}

/** All that is shown of a picture's gates. */
export interface Inside {
  readonly result: Result;
  readonly maps: GateMaps;
  readonly mask: LabelRaster;
}

/** How the weights of a picture's experts moved while it was drawn: a large map, all others, and a slider. */
export function GatesView({ studio, result, onClose }: GatesViewProps) {
  const inside = useSignal<Inside | null>(null);
  const problem = useSignal<string | null>(null);
  useEffect(() => {
    readInside(studio, result).then(
      (read) => {
        inside.value = read;
      },
      (error: unknown) => {
        problem.value = wordsOf(error);
      },
    );
  }, [studio, result, inside, problem]);

  const step = useSignal(0);
  useEffect(() => {
    function moveBy(event: KeyboardEvent) {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      // Sliders move by arrows themselves.
      if (by === undefined || event.target instanceof HTMLInputElement || !inside.value) return;
      event.preventDefault();
      step.value = Math.min(inside.value.maps.layout.steps - 1, Math.max(0, step.value + by));
    }
    document.addEventListener("keydown", moveBy);
    return () => document.removeEventListener("keydown", moveBy);
  }, [inside, step]);

  return (
    <Dialog
      title={`Inside ${result.prompt ? `“${result.prompt}”` : "a face without words"}`}
      onClose={onClose}
    >
      <div class="gates-view">
        <p class="gates-about">
          The model asks several experts at once: one that sees the whole mask, and one for each region. A map
          shows how much each was listened to, place by place, at one step of the drawing: dark is not at all,
          bright is alone. The weights of all experts add up to 100 % everywhere.
        </p>
        {problem.value !== null && (
          <p class="field-problem" role="alert">
            The gates cannot be shown: {problem.value}
          </p>
        )}
        {inside.value ? (
          <Maps studio={studio} inside={inside.value} step={step} />
        ) : (
          problem.value === null && <p role="status">Loading…</p>
        )}
      </div>
    </Dialog>
  );
}

async function readInside(studio: Studio, result: Result): Promise<Inside> {
  if (!result.gates) throw new Error("none were kept of this picture");
  const [gates, mask] = await Promise.all([
    studio.client.resultFile(result.id, "gates.png"),
    studio.client.resultFile(result.id, "mask.png"),
  ]);
  return { result, maps: decodeGates(gates, result.gates), mask: decodeMask(mask) };
}

interface MapsProps {
  studio: Studio;
  inside: Inside;
  step: Signal<number>;
}

function Maps({ studio, inside, step }: MapsProps) {
  const { layout } = inside.maps;
  const plane = useSignal(layout.planes[0] ?? WHOLE_MASK);
  const isSpread = useSignal(false);
  const brightest = isSpread.value ? inside.maps.largest : 1;
  const regions = studio.regions.value;
  return (
    <div class="gates">
      <div class="gates-large">
        <LargeMap
          inside={inside}
          picture={studio.client.resultUrl(inside.result.id, "picture.png")}
          regions={regions}
          plane={plane.value}
          step={step.value}
          brightest={brightest}
        />
        <label class="gates-spread">
          <input
            type="checkbox"
            checked={isSpread.value}
            onChange={(event) => {
              isSpread.value = event.currentTarget.checked;
            }}
          />
          Spread the colours: brightest is {percent(inside.maps.largest)}, the most of this picture
        </label>
        <StepSlider layout={layout} step={step} />
        <WeightChart inside={inside} regions={regions} plane={plane.value} step={step.value} />
      </div>
      <ExpertList inside={inside} regions={regions} plane={plane} step={step.value} brightest={brightest} />
    </div>
  );
}
