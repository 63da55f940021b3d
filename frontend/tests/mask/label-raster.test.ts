import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { changedPixels, countLabels, labelAt, mirrorRaster } from "../../src/mask/label-raster";
import { decodeMask } from "../../src/mask/png";
import { rasterOf, textOf } from "./text";

/** The studio's own table: eyes (4, 5), brows (6, 7) and ears (8, 9) change sides. */
const MIRRORED = [0, 1, 2, 3, 5, 4, 7, 6, 9, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18];

describe("mirroring", () => {
  it("flips, and left becomes right", () => {
    expect(textOf(mirrorRaster(rasterOf("8.54.", "1133."), MIRRORED))).toEqual([".54.9", ".3311"]);
  });

  it("twice is the mask as it was", () => {
    const raster = decodeMask(readFileSync("tests/data/palette-mask.png"));
    const mirrored = mirrorRaster(raster, MIRRORED);
    expect(mirrored).not.toEqual(raster);
    expect(mirrorRaster(mirrored, MIRRORED)).toEqual(raster);
  });
});

describe("rasters", () => {
  it("have no labels outside", () => {
    const raster = rasterOf("12", "34");
    expect(labelAt(raster, 1.9, 0.1)).toBe(2);
    for (const [x, y] of [
      [-0.1, 0],
      [0, -0.1],
      [2, 0],
      [0, 2],
    ] as const)
      expect(labelAt(raster, x, y)).toBe(null);
  });

  it("count their labels", () => {
    expect([...countLabels(rasterOf("11.", "1.3"))].slice(0, 5)).toEqual([2, 3, 0, 1, 0]);
  });

  it("tell where they differ, also from one of another size", () => {
    expect([...changedPixels(rasterOf("12", "34"), rasterOf("12", "54"))]).toEqual([0, 0, 1, 0]);
    expect([...changedPixels(rasterOf("1122", "1122", "3344", "3341"), rasterOf("12", "34"))]).toEqual([
      ...[0, 0, 0, 0],
      ...[0, 0, 0, 0],
      ...[0, 0, 0, 0],
      ...[0, 0, 0, 1],
    ]);
  });
});
