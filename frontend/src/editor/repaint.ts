import type { LabelRaster } from "../mask/label-raster";
import type { Rect } from "../mask/paint";
import type { Draft } from "./drawing";

/** What a canvas shows: a raster, with so many of the changes that its stroke made to it. */
export interface Shown {
  readonly raster: LabelRaster;
  readonly changes: readonly Rect[];
  readonly numPainted: number;
}

const NONE: readonly Rect[] = [];

/**
 * What to paint on a canvas that shows `last` (null: anything) so that it shows the draft, or the mask if nothing
 * is being drawn. Strokes go on between frames, begin and end there, so a canvas may have missed any of it.
 */
export function repaint(
  last: Shown | null,
  draft: Draft | null,
  mask: LabelRaster,
): { rects: readonly Rect[]; shown: Shown } {
  const raster = draft?.raster ?? mask;
  if (last?.raster === raster) return paint(raster, last.changes, last.numPainted);
  const isWhole = last !== null && last.numPainted === last.changes.length;
  if (draft && isWhole && last.raster === draft.before) return paint(raster, draft.changes, 0);
  const all = { left: 0, top: 0, right: raster.width, bottom: raster.height };
  const changes = draft?.changes ?? NONE;
  return { rects: [all], shown: { raster, changes, numPainted: changes.length } };
}

function paint(raster: LabelRaster, changes: readonly Rect[], numPainted: number) {
  return { rects: changes.slice(numPainted), shown: { raster, changes, numPainted: changes.length } };
}
