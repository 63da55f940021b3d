import { readFileSync } from "node:fs";
import { decode, encode } from "fast-png";
import { describe, expect, it } from "vitest";
import { createRaster, NUM_LABELS } from "../../src/mask/label-raster";
import { decodeMask, encodeMask } from "../../src/mask/png";
import { randomNumbers } from "./text";

function noise(width: number, height: number) {
  const random = randomNumbers(7);
  const raster = createRaster(width, height);
  raster.labels.forEach((_, at) => {
    raster.labels[at] = random(NUM_LABELS);
  });
  return raster;
}

describe("masks as PNGs", () => {
  it.each([
    [1, 1],
    [37, 5],
    [512, 512],
    [2048, 64],
  ])("come back exactly, %i x %i", (width, height) => {
    const raster = noise(width, height);
    const { labels, ...size } = decodeMask(encodeMask(raster));
    expect(size).toEqual({ width, height });
    expect(Buffer.compare(labels, raster.labels)).toBe(0);
  });

  it("are sent as 8-bit grey whose values are the labels", () => {
    const raster = noise(19, 3);
    const png = decode(encodeMask(raster));
    expect([png.depth, png.channels, png.palette]).toEqual([8, 1, undefined]);
    expect([...png.data]).toEqual([...raster.labels]);
  });

  it("of the studio are read by their indices, not their colours", () => {
    // made by facemogle.apps.studio.uploads.png(LabelMap(ids).to_pil()) of these ids
    const bytes = readFileSync("tests/data/palette-mask.png");
    expect(decode(bytes).palette?.[13]).toEqual([0, 0, 204]);
    const raster = decodeMask(bytes);
    expect([raster.width, raster.height]).toEqual([21, 13]);
    const expected = Uint8Array.from(
      { length: 21 * 13 },
      (_, at) => (3 * Math.floor(at / 21) + Math.floor((at % 21) ** 2 / 7)) % 19,
    );
    expect(raster.labels).toEqual(expected);
  });

  it("are refused if they hold no labels", () => {
    expect(() =>
      decodeMask(encode({ width: 1, height: 1, data: new Uint8Array([19]), channels: 1 })),
    ).toThrow("19 is no label");
    expect(() => decodeMask(encode({ width: 1, height: 1, data: new Uint8Array(3), channels: 3 }))).toThrow(
      "one channel",
    );
    expect(() => decodeMask(new Uint8Array([1, 2, 3]))).toThrow();
  });
});
