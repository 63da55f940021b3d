import type { Signal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Region } from "../api/types";
import { PixelCanvas } from "../ui/PixelCanvas";
import { type Expert, expertOf, isInMask, percent } from "./expert";
import type { Inside } from "./GatesView";
import { meanWeight } from "./gate-maps";
import { heatPixels } from "./heat";
import "./ExpertList.css";

export interface ExpertListProps {
  inside: Inside;
  regions: readonly Region[];
  plane: Signal<string>;
  step: number;
  brightest: number;
}

/** The maps of all experts at a step; those of regions that the mask lacks are behind a fold. */
export function ExpertList({ inside, regions, plane, step, brightest }: ExpertListProps) {
  const experts = inside.maps.layout.planes.map((name) => expertOf(name, regions));
  const present = experts.filter((expert) => isInMask(expert, inside.mask));
  const absent = experts.filter((expert) => !present.includes(expert));
  const tiles = (some: readonly Expert[]) => (
    <ul class="gates-tiles">
      {some.map((expert) => (
        <li key={expert.plane}>
          <Tile inside={inside} expert={expert} plane={plane} step={step} brightest={brightest} />
        </li>
      ))}
    </ul>
  );
  return (
    <section class="gates-experts" aria-label="Experts">
      <h3>Experts</h3>
      <p>The number is an expert’s mean weight over the picture at this step.</p>
      {tiles(present)}
      {absent.length > 0 && (
        <details>
          <summary>{absent.length} whose region is not in this mask</summary>
          {tiles(absent)}
        </details>
      )}
    </section>
  );
}

interface TileProps {
  inside: Inside;
  expert: Expert;
  plane: Signal<string>;
  step: number;
  brightest: number;
}

function Tile({ inside, expert, plane, step, brightest }: TileProps) {
  const { maps } = inside;
  const weights = useMemo(() => maps.weights(step, expert.plane), [maps, step, expert.plane]);
  const pixels = useMemo(() => heatPixels(weights, brightest), [weights, brightest]);
  return (
    <button
      type="button"
      class="gates-tile"
      aria-pressed={plane.value === expert.plane}
      onClick={() => {
        plane.value = expert.plane;
      }}
    >
      <PixelCanvas class="gates-heat" width={maps.layout.columns} height={maps.layout.rows} pixels={pixels} />
      <span class="gates-name">
        {expert.region && <span class="swatch" style={{ background: expert.region.color }} />}
        <span>{expert.title}</span>
      </span>
      <span class="gates-number">{percent(meanWeight(weights))} </span>
    </button>
  );
}
