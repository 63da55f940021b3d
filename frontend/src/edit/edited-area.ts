/** Where an edit draws anew, as the studio decides it. */

import { type Area, resizeNearest } from "../mask/area";
import { changedPixels, type LabelRaster } from "../mask/label-raster";

/**
 * What is drawn anew, at the size of the wanted mask: all pixels that have one of the labels in either mask,
 * or, for null, those whose label changes.
 */
export function editedArea(old: LabelRaster, wanted: LabelRaster, labels: ReadonlySet<number> | null): Area {
  const { width, height } = wanted;
  if (labels === null) return { width, height, inside: changedPixels(wanted, old) };
  const before = resizeNearest(old.labels, old, wanted);
  const inside = wanted.labels.map((label, place) => +(labels.has(label) || labels.has(before[place] ?? 0)));
  return { width, height, inside };
}

/** The labels whose pixels are in an area, in either mask, the one with most of them first. */
export function labelsInArea(area: Area, old: LabelRaster, wanted: LabelRaster): number[] {
  const counts = new Uint32Array(256);
  const before = resizeNearest(old.labels, old, area);
  area.inside.forEach((inside, place) => {
    if (!inside) return;
    const [was, will] = [before[place] ?? 0, wanted.labels[place] ?? 0];
    counts[was] = (counts[was] ?? 0) + 1;
    if (will !== was) counts[will] = (counts[will] ?? 0) + 1;
  });
  const found = [...counts.keys()].filter((label) => counts[label]);
  return found.sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0));
}
