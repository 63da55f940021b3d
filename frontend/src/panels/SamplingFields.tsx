import type { Studio } from "../state/studio";
import { NumberField } from "../ui/NumberField";
import { SliderField } from "../ui/SliderField";
import "./SamplingFields.css";

/** How faces are drawn: what hardly changes from one to the next, so it can be folded away. */
export function SamplingFields({ studio }: { studio: Studio }) {
  const { steps, guidance, maskStrength } = studio.request.value;
  const model = studio.model.value;
  if (model === null) return null;
  return (
    <div class="sampling-fields">
      <SliderField
        label="Steps"
        value={steps}
        own={model.steps}
        min={1}
        max={100}
        most={250}
        step={1}
        problem={studio.problemOf("steps")}
        onChange={(chosen) => studio.change({ steps: chosen })}
      />
      <SliderField
        label="Guidance"
        value={guidance}
        own={model.guidance}
        min={0}
        max={15}
        most={100}
        step={0.1}
        problem={studio.problemOf("guidance")}
        onChange={(chosen) => studio.change({ guidance: chosen })}
      />
      <SliderField
        label="Mask strength"
        value={maskStrength}
        own={1}
        min={0}
        max={3}
        most={100}
        step={0.05}
        problem={studio.problemOf("mask_strength")}
        onChange={(chosen) => studio.change({ maskStrength: chosen })}
      />
      <WindowFields studio={studio} />
      {studio.source.value === null && <SizeFields studio={studio} />}
    </div>
  );
}

/** The times between which the mask acts; each end pushes the other along. */
function WindowFields({ studio }: { studio: Studio }) {
  const [high, low] = studio.request.value.maskWindow ?? [1, 0];
  const choose = (from: number, to: number) =>
    studio.change({ maskWindow: from === 1 && to === 0 ? null : [from, to] });
  return (
    <fieldset class="pair">
      <legend>The mask acts from noise (1) to picture (0)</legend>
      <NumberField
        label="From"
        value={high}
        min={0}
        max={1}
        step={0.05}
        problem={studio.problemOf("mask_window")}
        onChange={(from) => from !== null && choose(from, Math.min(from, low))}
      />
      <NumberField
        label="To"
        value={low}
        min={0}
        max={1}
        step={0.05}
        onChange={(to) => to !== null && choose(Math.max(high, to), to)}
      />
    </fieldset>
  );
}

/** The picture's size: the model's own, or both sides. */
function SizeFields({ studio }: { studio: Studio }) {
  const own = studio.model.value?.size ?? 0;
  const { size } = studio.request.value;
  const choose = (side: "width" | "height") => (chosen: number | null) =>
    studio.change({ size: chosen === null ? null : { width: own, height: own, ...size, [side]: chosen } });
  return (
    <fieldset class="pair">
      <legend>Size in pixels</legend>
      {(["width", "height"] as const).map((side) => (
        <NumberField
          key={side}
          label={side === "width" ? "Width" : "Height"}
          value={size?.[side] ?? null}
          min={16}
          max={2048}
          step={16}
          placeholder={String(own)}
          problem={studio.problemOf(side)}
          onChange={choose(side)}
        />
      ))}
    </fieldset>
  );
}
