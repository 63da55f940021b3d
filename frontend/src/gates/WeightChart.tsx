import { useMemo } from "preact/hooks";
import type { Region } from "../api/types";
import { expertOf, isInMask, percent } from "./expert";
import type { Inside } from "./GatesView";
import { meanWeight, roundUp, shareOfPlaces } from "./gate-maps";
import "./WeightChart.css";

export interface WeightChartProps {
  inside: Inside;
  regions: readonly Region[];
  plane: string;
  step: number;
}

/** One expert's mean weight over the steps: everywhere, and in its own region. */
export function WeightChart({ inside, regions, plane, step }: WeightChartProps) {
  const { maps, mask } = inside;
  const { steps, rows, columns } = maps.layout;
  const expert = expertOf(plane, regions);
  const own = expert.region !== null && isInMask(expert, mask) ? expert.region.id : null;
  const [everywhere, inOwn] = useMemo(() => {
    const shares = own === null ? null : shareOfPlaces(mask, own, rows, columns);
    const means = (places?: Float32Array) =>
      Array.from({ length: steps }, (_, at) => meanWeight(maps.weights(at, plane), places));
    return [means(), shares && means(shares)];
  }, [maps, mask, own, plane, steps, rows, columns]);

  const top = roundUp(Math.max(...everywhere, ...(inOwn ?? [])));
  const x = (at: number) => (steps > 1 ? (at / (steps - 1)) * 100 : 50);
  const line = (means: number[]) =>
    means.map((mean, at) => `${at ? "L" : "M"}${x(at)} ${(1 - mean / top) * 100}`).join("");
  return (
    <div class="gates-chart">
      <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
        <path class="gates-grid" d="M0 0H100M0 50H100M0 100H100" />
        <path class="gates-now" d={`M${x(step)} 0V100`} />
        <path class="gates-everywhere" d={line(everywhere)} />
        {inOwn && <path class="gates-own" d={line(inOwn)} />}
      </svg>
      <span class="gates-top" aria-hidden="true">
        {percent(top)}
      </span>
      <span class="gates-bottom" aria-hidden="true">
        0 %
      </span>
      <p>
        Mean weight at this step:
        {inOwn && (
          <span class="gates-key gates-key-own"> {percent(inOwn[step] ?? Number.NaN)} in its own region</span>
        )}
        <span class="gates-key gates-key-everywhere">
          {" "}
          {percent(everywhere[step] ?? Number.NaN)} everywhere
        </span>
      </p>
    </div>
  );
}
