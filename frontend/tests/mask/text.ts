import type { LabelRaster } from "../../src/mask/label-raster";

/** A raster drawn in text: a digit is a label, "." is background. */
export function rasterOf(...rows: string[]): LabelRaster {
  const labels = Uint8Array.from(rows.join(""), (letter) => (letter === "." ? 0 : Number(letter)));
  return { width: rows[0]?.length ?? 0, height: rows.length, labels };
}

/** The text that `rasterOf` makes a raster of. */
export function textOf({ width, labels }: LabelRaster): string[] {
  const letters = Array.from(labels, (label) => (label === 0 ? "." : String(label))).join("");
  return letters.match(new RegExp(`.{${width}}`, "g")) ?? [];
}

/** Whole numbers from 0 up to `below`, the same on every run. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // Numerical Recipes' generator
    return Math.floor((state / 2 ** 32) * below);
  };
}
