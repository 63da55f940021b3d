import { describe, expect, it } from "vitest";
import { colorPixels, colorTable } from "../../src/mask/colors";
import { rasterOf } from "./text";

const TABLE = colorTable([
  { id: 0, color: "#102030" },
  { id: 1, color: "#cc0000" },
  { id: 2, color: "#33ff99" },
]);

describe("colours of labels", () => {
  it("are the regions' own, but the background is clear", () => {
    expect([...TABLE.subarray(0, 12)]).toEqual([0x10, 0x20, 0x30, 0, 0xcc, 0, 0, 255, 0x33, 0xff, 0x99, 255]);
  });

  it("are looked up for a rectangle alone", () => {
    const pixels = colorPixels(
      rasterOf("....", ".12.", ".21."),
      { left: 1, top: 1, right: 3, bottom: 3 },
      TABLE,
    );
    const [one, two] = [TABLE.slice(4, 8), TABLE.slice(8, 12)];
    expect([...pixels]).toEqual([...one, ...two, ...two, ...one]);
  });
});
