import { expect, test } from "vitest";
import { pictureOfArea } from "../../src/edit/area-picture";
import { defaultBorder, planEdit } from "../../src/edit/edit-plan";

const OLD = { width: 4, height: 1, labels: Uint8Array.from([13, 13, 1, 0]) };
const NEW = { width: 4, height: 1, labels: Uint8Array.from([14, 13, 1, 0]) };

test("a changed mask or a region that is there can be asked for", () => {
  expect(planEdit(OLD, NEW, null)).toMatchObject({ share: 0.25, obstacle: null });
  expect(planEdit(OLD, OLD, new Set([13]))).toMatchObject({ share: 0.5, obstacle: null });
});

test("what the studio would refuse is told beforehand", () => {
  const wide = { width: 8, height: 1, labels: new Uint8Array(8) };
  expect(planEdit(OLD, OLD, null).obstacle).toBe("Change the mask, or choose regions to draw anew.");
  expect(planEdit(OLD, NEW, new Set()).obstacle).toBe("Choose the regions to draw anew.");
  expect(planEdit(OLD, NEW, new Set([5])).obstacle).toContain("Nothing of these regions is in the mask");
  expect(planEdit(OLD, wide, null).obstacle).toContain("The mask is 8 × 1, that of the picture 4 × 1");
  expect(planEdit(OLD, wide, new Set([13])).obstacle).toBe(null);
});

test("the border is that of the Python side", () => {
  expect([128, 360, 1024].map(defaultBorder)).toEqual([8, 22, 64]);
});

test("an area is outlined and hatched, its border dashed, and the rest is clear", () => {
  const inside = new Uint8Array(20 * 20);
  for (let y = 5; y < 15; y++) inside.fill(1, y * 20 + 5, y * 20 + 15);
  const { width, height, pixels } = pictureOfArea({ width: 20, height: 20, inside }, 0.1, 20);
  const opacity = (x: number, y: number) => pixels[(y * 20 + x) * 4 + 3];
  expect([width, height]).toEqual([20, 20]);
  expect([...pixels.subarray((5 * 20 + 5) * 4, (5 * 20 + 5) * 4 + 4)]).toEqual([255, 122, 47, 255]);
  expect(opacity(10, 10)).toBeGreaterThan(0); // hatched
  expect(opacity(3, 10)).toBeGreaterThan(0); // where the border of two pixels ends
  expect(opacity(4, 10)).toBe(0);
  expect(opacity(2, 10)).toBe(0);
});
