/**
 * A mask as its labels, row by row: what is drawn, kept and sent. A raster that others can see is a value:
 * nobody writes into its labels, changes make a new one.
 */
export interface LabelRaster {
  readonly width: number;
  readonly height: number;
  readonly labels: Uint8Array;
}

/** The label of what belongs to no region; also what erasers paint. */
export const BACKGROUND = 0;

/** The labels of the studio's masks are 0 to 18. */
export const NUM_LABELS = 19;

/** The longest side that the studio takes. */
export const MAX_SIDE = 2048;

/** A raster of background alone. */
export function createRaster(width: number, height: number): LabelRaster {
  return { width, height, labels: new Uint8Array(width * height) };
}

/** A raster of the same labels that may be written into. */
export function copyRaster(raster: LabelRaster): LabelRaster {
  return { ...raster, labels: raster.labels.slice() };
}

/** Whether both have the same width and height. */
export function sameSize(a: LabelRaster, b: LabelRaster): boolean {
  return a.width === b.width && a.height === b.height;
}

/** The label at a pixel, null outside. */
export function labelAt({ width, height, labels }: LabelRaster, x: number, y: number): number | null {
  if (x < 0 || y < 0 || x >= width || y >= height) return null;
  return labels[Math.floor(y) * width + Math.floor(x)] ?? null;
}

/** How many pixels have each label. */
export function countLabels({ labels }: LabelRaster): Uint32Array {
  const counts = new Uint32Array(NUM_LABELS);
  for (let at = 0; at < labels.length; at++) {
    const label = labels[at] ?? BACKGROUND;
    counts[label] = (counts[label] ?? 0) + 1;
  }
  return counts;
}

/** The raster flipped left to right; `mirrored` is the label that each label becomes: left ones become right ones. */
export function mirrorRaster(raster: LabelRaster, mirrored: readonly number[]): LabelRaster {
  const { width, height } = raster;
  const out = createRaster(width, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const label = raster.labels[y * width + (width - 1 - x)] ?? BACKGROUND;
      out.labels[y * width + x] = mirrored[label] ?? label;
    }
  }
  return out;
}

/** The raster at another size, each pixel the nearest one's label: as the server does it, labels have no in-between. */
export function resizeRaster(raster: LabelRaster, width: number, height: number): LabelRaster {
  if (raster.width === width && raster.height === height) return raster;
  const out = createRaster(width, height);
  const columns = Uint32Array.from({ length: width }, (_, x) => nearest(x, raster.width, width));
  for (let y = 0; y < height; y++) {
    const row = nearest(y, raster.height, height) * raster.width;
    for (let x = 0; x < width; x++)
      out.labels[y * width + x] = raster.labels[row + (columns[x] ?? 0)] ?? BACKGROUND;
  }
  return out;
}

function nearest(at: number, sizeIn: number, sizeOut: number): number {
  return Math.floor(((2 * at + 1) * sizeIn) / (2 * sizeOut));
}

/** Where two rasters differ: 1 for each pixel of `raster` whose label is another in `other`, which is resized to fit. */
export function changedPixels(raster: LabelRaster, other: LabelRaster): Uint8Array {
  const before = resizeRaster(other, raster.width, raster.height).labels;
  return raster.labels.map((label, at) => (label === before[at] ? 0 : 1));
}
