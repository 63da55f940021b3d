/** Areas of a picture: which pixels belong to something, where that begins, what lies near it. */

import type { LabelRaster } from "./label-raster";

/** A yes (1) or no (0) for every pixel, row by row. */
export interface Area {
  readonly width: number;
  readonly height: number;
  readonly inside: Uint8Array;
}

/** The pixels of a mask that have one of the labels. */
export function areaOfLabels(mask: LabelRaster, labels: ReadonlySet<number>): Area {
  return { width: mask.width, height: mask.height, inside: mask.labels.map((label) => +labels.has(label)) };
}

/** How many pixels an area has. */
export function sizeOfArea(area: Area): number {
  return area.inside.reduce((sum, inside) => sum + inside, 0);
}

/** The values of a grid at another size, by nearest neighbour as the server does it. */
export function resizeNearest(
  values: Uint8Array,
  from: { width: number; height: number },
  to: { width: number; height: number },
): Uint8Array {
  if (from.width === to.width && from.height === to.height) return values;
  const resized = new Uint8Array(to.width * to.height);
  const columns = Uint32Array.from({ length: to.width }, (_, x) => nearest(x, from.width, to.width));
  for (let y = 0; y < to.height; y++) {
    const row = nearest(y, from.height, to.height) * from.width;
    columns.forEach((column, x) => {
      resized[y * to.width + x] = values[row + column] ?? 0;
    });
  }
  return resized;
}

/** An area at another size. */
export function resizeArea(area: Area, width: number, height: number): Area {
  return { width, height, inside: resizeNearest(area.inside, area, { width, height }) };
}

/** The area and all pixels at most so many pixels away from it, diagonals counting as one. */
export function growArea(area: Area, pixels: number): Area {
  const { width, height } = area;
  if (pixels <= 0) return area;
  const across = new Uint8Array(area.inside.length);
  const grown = new Uint8Array(area.inside.length);
  for (let y = 0; y < height; y++) growLine(area.inside, across, y * width, 1, width, pixels);
  for (let x = 0; x < width; x++) growLine(across, grown, x, width, height, pixels);
  return { width, height, inside: grown };
}

/** The pixels of an area that touch, by a side, one that is not in it or the picture's end. */
export function outlineOf(area: Area): Area {
  const { width, height, inside } = area;
  const edge = inside.map((is, place) => {
    if (!is) return 0;
    const x = place % width;
    const whole =
      x > 0 &&
      x < width - 1 &&
      inside[place - 1] &&
      inside[place + 1] &&
      inside[place - width] &&
      inside[place + width];
    return whole ? 0 : 1;
  });
  return { width, height, inside: edge };
}

function nearest(place: number, from: number, to: number): number {
  return Math.floor(((2 * place + 1) * from) / (2 * to));
}

/** Grow along one line: what lies at most `pixels` behind or ahead of a set one is set. */
function growLine(
  from: Uint8Array,
  to: Uint8Array,
  start: number,
  stride: number,
  length: number,
  pixels: number,
): void {
  let last = -Infinity;
  for (let at = 0; at < length; at++) {
    if (from[start + at * stride]) last = at;
    if (at - last <= pixels) to[start + at * stride] = 1;
  }
  last = Infinity;
  for (let at = length - 1; at >= 0; at--) {
    if (from[start + at * stride]) last = at;
    if (last - at <= pixels) to[start + at * stride] = 1;
  }
}
