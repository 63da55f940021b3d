import { BACKGROUND, type LabelRaster } from "./label-raster";
import type { Rect } from "./paint";

/** What a label looks like; the studio tells. */
export interface LabelColor {
  readonly id: number;
  /** As in #cc0000. */
  readonly color: string;
}

/** Red, green, blue and opacity of each label, 0 to 255. The background is clear: a photo shows through it. */
export type ColorTable = Uint8ClampedArray;

/** The table of the regions' colours. */
export function colorTable(regions: readonly LabelColor[]): ColorTable {
  const table = new Uint8ClampedArray(256 * 4);
  for (const { id, color } of regions) {
    const code = Number.parseInt(color.slice(1), 16);
    table.set([code >> 16, (code >> 8) & 255, code & 255, id === BACKGROUND ? 0 : 255], id * 4);
  }
  return table;
}

/** The pixels of a rectangle of a raster as they are shown, for an ImageData of its size. */
export function colorPixels(
  raster: LabelRaster,
  rect: Rect,
  table: ColorTable,
): Uint8ClampedArray<ArrayBuffer> {
  const width = rect.right - rect.left;
  const colors = new Uint32Array(table.buffer);
  const pixels = new Uint32Array(width * (rect.bottom - rect.top));
  let at = 0;
  for (let y = rect.top; y < rect.bottom; y++) {
    const end = y * raster.width + rect.right;
    for (let from = end - width; from < end; from++) {
      pixels[at++] = colors[raster.labels[from] ?? BACKGROUND] ?? 0;
    }
  }
  return new Uint8ClampedArray(pixels.buffer);
}
