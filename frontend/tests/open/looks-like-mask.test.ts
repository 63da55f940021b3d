import { readFileSync } from "node:fs";
import { encode } from "fast-png";
import { expect, test } from "vitest";
import { encodeMask } from "../../src/mask/png";
import { looksLikeMask } from "../../src/open/looks-like-mask";

/** A file that tells how much of it was read. */
class Read extends Blob {
  numRead = 0;

  override slice(start?: number, end?: number): Blob {
    this.numRead += (end ?? this.size) - (start ?? 0);
    return super.slice(start, end);
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    this.numRead += this.size;
    return super.arrayBuffer();
  }
}

function file(bytes: Uint8Array): Read {
  return new Read([new Uint8Array(bytes)]);
}

/** An RGB picture with so many colours. */
function picture(colors: number, width = 32): Uint8Array {
  const data = new Uint8Array(width * 32 * 3);
  for (let pixel = 0; pixel < width * 32; pixel++)
    data.set([(pixel % colors) & 255, (pixel % colors) >> 8], pixel * 3);
  return encode({ width, height: 32, channels: 3, depth: 8, data });
}

test("PNGs of labels and of palettes are masks, and so are pictures of few colours", async () => {
  expect(
    await looksLikeMask(file(encodeMask({ width: 2, height: 1, labels: Uint8Array.from([0, 18]) }))),
  ).toBe(true);
  expect(await looksLikeMask(file(readFileSync("tests/data/palette-mask.png")))).toBe(true);
  expect(await looksLikeMask(file(picture(19)))).toBe(true);
});

test("all else is a photograph, until the studio says what is wrong with it", async () => {
  expect(await looksLikeMask(file(picture(500)))).toBe(false);
  expect(await looksLikeMask(file(picture(19).subarray(0, 60)))).toBe(false);
  expect(await looksLikeMask(file(Uint8Array.from([0xff, 0xd8, 0xff, 0xe0, ...new Array(40).fill(3)])))).toBe(
    false,
  );
  expect(await looksLikeMask(file(new Uint8Array()))).toBe(false);
});

test("what is too large for a mask is none, and only its header is read", async () => {
  const wide = file(picture(19, 2049));
  const heavy = new Read([new Uint8Array(picture(19)), new Uint8Array(2 ** 20)]);
  for (const large of [wide, heavy]) {
    expect(await looksLikeMask(large)).toBe(false);
    expect(large.numRead).toBeLessThan(100);
  }
});

test("what cannot be read is no mask", async () => {
  const gone = new Blob();
  gone.slice = () => Object.assign(new Blob(), { arrayBuffer: () => Promise.reject(new Error("gone")) });
  expect(await looksLikeMask(gone)).toBe(false);
});
