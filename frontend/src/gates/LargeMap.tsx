import { useSignal } from "@preact/signals";
import { useEffect, useId, useMemo, useRef } from "preact/hooks";
import type { Region } from "../api/types";
import { areaOfLabels, outlineOf } from "../mask/area";
import { PixelCanvas } from "../ui/PixelCanvas";
import { expertOf, isInMask } from "./expert";
import type { Inside } from "./GatesView";
import { heatPixels } from "./heat";
import { Legend } from "./Legend";
import { stepTitle } from "./StepSlider";
import "./LargeMap.css";

export interface LargeMapProps {
  inside: Inside;
  /** Where the picture is. */
  picture: string;
  regions: readonly Region[];
  plane: string;
  step: number;
  /** The weight that is brightest. */
  brightest: number;
}

/** One expert's map over the picture, with the outline of its region. */
export function LargeMap({ inside, picture, regions, plane, step, brightest }: LargeMapProps) {
  const { maps, mask, result } = inside;
  const expert = expertOf(plane, regions);
  const cover = useSignal(0.7);
  const slider = useId();
  const heat = useMemo(
    () => heatPixels(maps.weights(step, plane), brightest),
    [maps, step, plane, brightest],
  );
  const outline = useMemo(
    () => (expert.region ? outlinePixels(mask, expert.region.id) : null),
    [mask, expert.region],
  );
  const figure = useRef<HTMLElement>(null);
  // Where there is one column, the map that was chosen may be far above the list.
  useEffect(() => figure.current?.scrollIntoView({ block: "nearest" }), [plane]);
  const when = stepTitle(maps.layout, step);
  return (
    <figure class="gates-map" ref={figure}>
      <figcaption>
        <h3>
          {expert.region && <span class="swatch" style={{ background: expert.region.color }} />}
          {expert.title}
        </h3>
        <span>
          {when}
          {!isInMask(expert, mask) && " · not in this mask"}
        </span>
      </figcaption>
      <div class="gates-layers" style={{ aspectRatio: `${result.width} / ${result.height}` }}>
        <img src={picture} alt="" />
        <div class="gates-cover" style={{ opacity: cover.value }}>
          <PixelCanvas
            class="gates-heat"
            width={maps.layout.columns}
            height={maps.layout.rows}
            pixels={heat}
            label={`Weights of the expert for ${expert.title} at ${when}`}
          />
        </div>
        {outline && (
          <PixelCanvas class="gates-outline" width={mask.width} height={mask.height} pixels={outline} />
        )}
      </div>
      <Legend brightest={brightest} />
      <div class="gates-field">
        <label for={slider}>Map over the picture</label>
        <input
          id={slider}
          type="range"
          min={0}
          max={1}
          step={0.05}
          value={cover.value}
          aria-valuetext={`${Math.round(cover.value * 100)} %`}
          onInput={(event) => {
            cover.value = event.currentTarget.valueAsNumber;
          }}
        />
      </div>
    </figure>
  );
}

function outlinePixels(mask: Inside["mask"], label: number): Uint8ClampedArray<ArrayBuffer> {
  const outline = outlineOf(areaOfLabels(mask, new Set([label])));
  const pixels = new Uint8ClampedArray(outline.inside.length * 4);
  outline.inside.forEach((inside, place) => {
    if (inside) pixels.fill(255, place * 4, place * 4 + 4);
  });
  return pixels;
}
