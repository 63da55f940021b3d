import { type Area, sizeOfArea } from "../mask/area";
import { type LabelRaster, sameSize } from "../mask/label-raster";
import type { Studio } from "../state/studio";
import { editedArea, labelsInArea } from "./edited-area";

/** What an edit would do. */
export interface EditPlan {
  /** What is drawn anew, at the size of the wanted mask. */
  readonly area: Area;
  /** How much of the picture that is, 0 to 1. */
  readonly share: number;
  /** What it shows or will show, the label of most pixels first. */
  readonly labels: readonly number[];
  /** Why it cannot be asked for as it is, null if it can. */
  readonly obstacle: string | null;
}

/** What an edit to a mask would do; `labels` are those of the regions that were chosen, null for none. */
export function planEdit(
  oldMask: LabelRaster,
  wanted: LabelRaster,
  labels: ReadonlySet<number> | null,
): EditPlan {
  const area = editedArea(oldMask, wanted, labels);
  const size = sizeOfArea(area);
  return {
    area,
    share: size / area.inside.length,
    labels: labelsInArea(area, oldMask, wanted),
    obstacle: obstacleTo(oldMask, wanted, labels, size),
  };
}

function obstacleTo(
  oldMask: LabelRaster,
  wanted: LabelRaster,
  labels: ReadonlySet<number> | null,
  size: number,
): string | null {
  if (labels?.size === 0) return "Choose the regions to draw anew.";
  if (labels !== null) return size > 0 ? null : "Nothing of these regions is in the mask: paint them first.";
  if (!sameSize(oldMask, wanted)) {
    const [now, before] = [wanted, oldMask].map(({ width, height }) => `${width} × ${height}`);
    return `The mask is ${now}, that of the picture ${before}: choose the regions to draw anew.`;
  }
  return size > 0 ? null : "Change the mask, or choose regions to draw anew.";
}

/** Width and height of the picture that is edited: results of photographs are larger than the model draws. */
export function pictureSize({ source, editor }: Studio): { width: number; height: number } {
  const mask = source.value?.oldMask ?? editor.raster.value;
  const { width, height } = editor.photo.value ?? mask;
  return { width, height };
}

/** Pixels over which new fades into old if nothing else is chosen, as `editing.default_border` has it. */
export function defaultBorder(width: number): number {
  return Math.floor(width / 16);
}
