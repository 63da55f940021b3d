/** Colours of weights: dark to bright, so that they can be told apart in grey too. */

type Color = readonly [red: number, green: number, blue: number];

const STOPS: readonly Color[] = [
  [8, 6, 24],
  [84, 20, 110],
  [186, 54, 84],
  [249, 140, 10],
  [252, 250, 180],
];

/** Weights that the legend names, as parts of the largest that has a colour. */
export const LEGEND_WEIGHTS: readonly number[] = [0, 0.05, 0.25, 0.5, 1];

/** Where a weight in 0 to 1 lies on the ramp: at its square root, so that small ones differ too. */
export function placeOnRamp(weight: number): number {
  return Math.sqrt(Math.min(1, Math.max(0, weight)));
}

/** The colour at a place of the ramp, 0 to 1. */
export function rampColor(place: number): Color {
  const scaled = Math.min(1, Math.max(0, place)) * (STOPS.length - 1);
  const below = Math.min(STOPS.length - 2, Math.floor(scaled));
  const [low, high] = [STOPS[below], STOPS[below + 1]];
  if (!low || !high) throw new Error("a ramp without colours");
  const between = (channel: 0 | 1 | 2) =>
    Math.round(low[channel] + (scaled - below) * (high[channel] - low[channel]));
  return [between(0), between(1), between(2)];
}

/** Weights in bytes as the bytes of RGBA pixels; `brightest` is the weight at the ramp's end, 0 to 1. */
export function heatPixels(weights: Uint8Array, brightest = 1): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(weights.length * 4);
  weights.forEach((weight, place) => {
    pixels.set([...rampColor(placeOnRamp(weight / 255 / brightest)), 255], place * 4);
  });
  return pixels;
}
