/** What gates.png holds: for every step and every expert, how much weight it had at each place. */

import { decode } from "fast-png";
import type { components } from "../api/schema";
import type { LabelRaster } from "../mask/label-raster";

/** How gates.png is laid out. */
export type GatesLayout = components["schemas"]["Gates"];

/** The name of the plane that sees the whole mask at once; all others are regions. */
export const WHOLE_MASK = "mask";

/** Weights of experts, in bytes: 255 is all of the weight. */
export interface GateMaps {
  readonly layout: GatesLayout;
  /** The largest weight of all, 0 to 1. */
  readonly largest: number;
  /** The weights of one expert at one step, `rows * columns` of them. */
  weights(step: number, plane: string): Uint8Array;
}

/** Read gates.png. Throws if it is not laid out as `layout` says. */
export function decodeGates(bytes: Uint8Array, layout: GatesLayout): GateMaps {
  const { steps, planes, rows, columns } = layout;
  const png = decode(bytes);
  const [width, height] = [planes.length * columns, steps * rows];
  if (png.channels !== 1 || png.depth !== 8 || png.width !== width || png.height !== height) {
    throw new Error(
      `the picture of gates is ${png.width} x ${png.height} with ${png.channels} channels, ` +
        `must be grey and ${width} x ${height}`,
    );
  }
  let largest = 0;
  for (const weight of png.data) largest = Math.max(largest, weight);
  return {
    layout,
    largest: largest / 255,
    weights(step, plane) {
      const place = planes.indexOf(plane);
      if (place < 0 || step < 0 || step >= steps) throw new Error(`no gates of ${plane} at step ${step}`);
      const tile = new Uint8Array(rows * columns);
      for (let row = 0; row < rows; row++) {
        const start = (step * rows + row) * width + place * columns;
        tile.set(png.data.subarray(start, start + columns), row * columns);
      }
      return tile;
    },
  };
}

/** How much of each place of a grid a region covers, 0 to 1. */
export function shareOfPlaces(mask: LabelRaster, label: number, rows: number, columns: number): Float32Array {
  const found = new Float32Array(rows * columns);
  const pixels = new Float32Array(rows * columns);
  for (let y = 0; y < mask.height; y++) {
    const row = Math.floor((y * rows) / mask.height) * columns;
    for (let x = 0; x < mask.width; x++) {
      const place = row + Math.floor((x * columns) / mask.width);
      pixels[place] = (pixels[place] ?? 0) + 1;
      if (mask.labels[y * mask.width + x] === label) found[place] = (found[place] ?? 0) + 1;
    }
  }
  return found.map((count, place) => count / Math.max(1, pixels[place] ?? 0));
}

/** The next of 1, 2 and 5 times a power of ten that is not below a weight. */
export function roundUp(weight: number): number {
  if (weight <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(weight));
  const digit = [1, 2, 5].find((some) => some * power >= weight) ?? 10;
  return Number((digit * power).toPrecision(1));
}

/** The mean weight, 0 to 1; with `shares`, over the places of a region alone. NaN where that has no place. */
export function meanWeight(weights: Uint8Array, shares?: Float32Array): number {
  let [sum, total] = [0, 0];
  weights.forEach((weight, place) => {
    const share = shares ? (shares[place] ?? 0) : 1;
    sum += share * weight;
    total += share;
  });
  return sum / total / 255;
}
