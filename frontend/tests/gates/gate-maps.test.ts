import { encode } from "fast-png";
import { expect, test } from "vitest";
import { decodeGates, meanWeight, roundUp, shareOfPlaces } from "../../src/gates/gate-maps";
import { heatPixels, LEGEND_WEIGHTS, placeOnRamp, rampColor } from "../../src/gates/heat";

// Two steps of three planes, tiles of 2 rows x 2 columns: the tens are the step and plane, the ones the place.
const LAYOUT = { steps: 2, planes: ["mask", "background", "skin"], rows: 2, columns: 2, times: [1, 0.5] };
const ROWS = [
  [0, 1, 10, 11, 20, 21],
  [2, 3, 12, 13, 22, 23],
  [100, 101, 110, 111, 120, 121],
  [102, 103, 112, 113, 122, 123],
];
const png = (width: number, height: number, channels = 1) =>
  encode({ width, height, channels, depth: 8, data: new Uint8Array(width * height * channels) });

test("every tile of the picture is found", () => {
  const bytes = encode({ width: 6, height: 4, channels: 1, depth: 8, data: Uint8Array.from(ROWS.flat()) });
  const maps = decodeGates(bytes, LAYOUT);
  expect(maps.largest).toBeCloseTo(123 / 255);
  expect([...maps.weights(0, "mask")]).toEqual([0, 1, 2, 3]);
  expect([...maps.weights(0, "skin")]).toEqual([20, 21, 22, 23]);
  expect([...maps.weights(1, "background")]).toEqual([110, 111, 112, 113]);
  expect(() => maps.weights(2, "mask")).toThrow("no gates of mask at step 2");
  expect(() => maps.weights(0, "hair")).toThrow("no gates of hair");
});

test("a picture that is laid out otherwise is refused", () => {
  expect(() => decodeGates(png(6, 5), LAYOUT)).toThrow("is 6 x 5 with 1 channels, must be grey and 6 x 4");
  expect(() => decodeGates(png(6, 4, 3), LAYOUT)).toThrow("3 channels");
});

test("shares of places are those of their pixels", () => {
  const labels = Uint8Array.from([1, 1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  expect([...shareOfPlaces({ width: 4, height: 4, labels }, 1, 2, 2)]).toEqual([1, 0.25, 0, 0]);
});

test("means are over all places, or over a region's", () => {
  const weights = Uint8Array.from([255, 51, 0, 0]);
  expect(meanWeight(weights)).toBeCloseTo(0.3);
  expect(meanWeight(weights, Float32Array.from([1, 1, 0, 0]))).toBeCloseTo(0.6);
  expect(meanWeight(weights, new Float32Array(4))).toBeNaN();
});

test("scales end at round numbers", () => {
  expect([0.123, 0.2, 0.0501, 0.7, 0].map(roundUp)).toEqual([0.2, 0.2, 0.1, 1, 1]);
});

test("the ramp goes from dark to bright, by the square root of the weight", () => {
  expect(rampColor(0)).toEqual([8, 6, 24]);
  expect(rampColor(1)).toEqual([252, 250, 180]);
  expect(rampColor(0.5)).toEqual([186, 54, 84]);
  expect(rampColor(0.125)).toEqual([46, 13, 67]);
  expect(placeOnRamp(0.25)).toBe(0.5);
  const bright = LEGEND_WEIGHTS.map((weight) => {
    const [red, green, blue] = rampColor(placeOnRamp(weight));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  });
  expect(bright).toEqual(bright.toSorted((a, b) => a - b));
  expect([...heatPixels(Uint8Array.from([0, 255]))]).toEqual([8, 6, 24, 255, 252, 250, 180, 255]);
  expect([...heatPixels(Uint8Array.from([51]), 0.2)]).toEqual([252, 250, 180, 255]);
});
