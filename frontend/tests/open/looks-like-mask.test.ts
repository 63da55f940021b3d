import { readFileSync } from "node:fs";
import { encode } from "fast-png";
import { expect, test } from "vitest";
import { encodeMask } from "../../src/mask/png";
import { looksLikeMask } from "../../src/open/looks-like-mask";

/** An RGB picture of 32 x 32 with so many colours. */
function picture(colors: number): Uint8Array {
  const data = new Uint8Array(32 * 32 * 3);
  for (let pixel = 0; pixel < 32 * 32; pixel++)
    data.set([(pixel % colors) & 255, (pixel % colors) >> 8], pixel * 3);
  return encode({ width: 32, height: 32, channels: 3, depth: 8, data });
}

test("PNGs of labels and of palettes are masks, and so are pictures of few colours", () => {
  expect(looksLikeMask(encodeMask({ width: 2, height: 1, labels: Uint8Array.from([0, 18]) }))).toBe(true);
  expect(looksLikeMask(readFileSync("tests/data/palette-mask.png"))).toBe(true);
  expect(looksLikeMask(picture(19))).toBe(true);
});

test("all else is a photograph, until the studio says what is wrong with it", () => {
  expect(looksLikeMask(picture(500))).toBe(false);
  expect(looksLikeMask(picture(19).subarray(0, 60))).toBe(false);
  expect(looksLikeMask(Uint8Array.from([0xff, 0xd8, 0xff, 0xe0, ...new Array(40).fill(3)]))).toBe(false);
  expect(looksLikeMask(new Uint8Array())).toBe(false);
});
