import type { Region } from "../api/types";
import type { LabelRaster } from "../mask/label-raster";
import { regionTitle } from "../ui/region-title";
import { WHOLE_MASK } from "./gate-maps";

/** What there is to say of the expert of a plane. */
export interface Expert {
  readonly plane: string;
  readonly title: string;
  /** The region that it is for; null for the one of the whole mask. */
  readonly region: Region | null;
}

/** The expert of a plane. */
export function expertOf(plane: string, regions: readonly Region[]): Expert {
  const region = regions.find(({ name }) => name === plane) ?? null;
  return { plane, region, title: plane === WHOLE_MASK ? "whole mask" : regionTitle(plane) };
}

/** Whether the mask has any of the region; the whole mask has all. */
export function isInMask({ region }: Expert, mask: LabelRaster): boolean {
  return region === null || mask.labels.includes(region.id);
}

/** A weight in 0 to 1 as people read it. */
export function percent(weight: number): string {
  if (Number.isNaN(weight)) return "–";
  const hundredths = weight * 100;
  return `${Number(hundredths.toFixed(hundredths < 9.95 ? 1 : 0))} %`;
}
