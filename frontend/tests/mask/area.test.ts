import { expect, test } from "vitest";
import {
  type Area,
  areaOfLabels,
  growArea,
  outlineOf,
  resizeArea,
  resizeNearest,
  sizeOfArea,
} from "../../src/mask/area";

function drawn(...rows: string[]): Area {
  const inside = Uint8Array.from(rows.join(""), (pixel) => +(pixel === "#"));
  return { width: rows[0]?.length ?? 0, height: rows.length, inside };
}

test("an area holds the pixels of its labels", () => {
  const area = areaOfLabels({ width: 2, height: 2, labels: Uint8Array.from([1, 2, 3, 1]) }, new Set([1, 3]));
  expect(area).toEqual(drawn("#.", "##"));
  expect(sizeOfArea(area)).toBe(3);
});

test("an area grows by squares, up to the picture's ends and not around them", () => {
  expect(growArea(drawn("....#", ".....", ".....", "....."), 2)).toEqual(
    drawn("..###", "..###", "..###", "....."),
  );
  expect(growArea(drawn("#....", "....."), 0)).toEqual(drawn("#....", "....."));
});

test("an outline is the area's own outermost pixels", () => {
  expect(outlineOf(drawn(".....", ".###.", ".###.", ".###.", "....."))).toEqual(
    drawn(".....", ".###.", ".#.#.", ".###.", "....."),
  );
  expect(outlineOf(drawn("###", "###", "###"))).toEqual(drawn("###", "#.#", "###"));
});

test("sizes change by nearest neighbour, as on the server", () => {
  // floor((i + 0.5) * 5 / 3) is 0, 2, 4
  const line = Uint8Array.from([1, 2, 3, 4, 5]);
  expect([...resizeNearest(line, { width: 5, height: 1 }, { width: 3, height: 1 })]).toEqual([1, 3, 5]);
  expect(resizeArea(drawn("#.", ".#"), 4, 2)).toEqual(drawn("##..", "..##"));
});
