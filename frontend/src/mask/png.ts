import { decode, encode } from "fast-png";
import { type LabelRaster, MAX_SIDE, NUM_LABELS } from "./label-raster";

/** An 8-bit grey PNG whose values are the labels: what the API takes as a mask. */
export function encodeMask({ width, height, labels }: LabelRaster): Uint8Array<ArrayBuffer> {
  return new Uint8Array(encode({ width, height, data: labels, depth: 8, channels: 1 }));
}

/**
 * The labels of a PNG that `encodeMask` or the studio made: grey values or palette indices, never colours.
 * Throws an Error that says what is wrong with any other file; those are for the server to read.
 */
export function decodeMask(bytes: Uint8Array): LabelRaster {
  const { width, height, depth, channels, data } = decode(bytes);
  if (depth !== 8 || channels !== 1)
    throw new Error(`a mask has one channel of 8 bits, not ${channels} of ${depth}`);
  if (Math.max(width, height) > MAX_SIDE)
    throw new Error(`a mask of ${width} x ${height} is larger than ${MAX_SIDE}`);
  const labels = Uint8Array.from(data);
  const wrong = labels.find((label) => label >= NUM_LABELS);
  if (wrong !== undefined) throw new Error(`${wrong} is no label, they are 0 to ${NUM_LABELS - 1}`);
  return { width, height, labels };
}
