import { describe, expect, it } from "vitest";
import { copyRaster, createRaster, type LabelRaster } from "../../src/mask/label-raster";
import {
  isEmpty,
  type Point,
  paintPatch,
  paintPolygon,
  paintStroke,
  type Rect,
  snapBrush,
  union,
} from "../../src/mask/paint";
import { randomNumbers, rasterOf, textOf } from "./text";

function painted(width: number, height: number, paint: (draft: LabelRaster) => void): string[] {
  const draft = createRaster(width, height);
  paint(draft);
  return textOf(draft);
}

/** Every pixel that changed lies in the rectangle that a painter returned. */
function expectInside(before: LabelRaster, after: LabelRaster, rect: Rect): void {
  const outside = [...after.labels].filter((label, at) => {
    const [x, y] = [at % after.width, Math.floor(at / after.width)];
    const inside = x >= rect.left && x < rect.right && y >= rect.top && y < rect.bottom;
    return !inside && label !== before.labels[at];
  });
  expect(outside).toEqual([]);
}

describe("strokes", () => {
  it.each([
    [1, [".....", ".....", "..1..", ".....", "....."]],
    [2, [".....", ".11..", ".11..", ".....", "....."]],
    [3, [".....", ".111.", ".111.", ".111.", "....."]],
    [4, [".11..", "1111.", "1111.", ".11..", "....."]],
    [5, [".111.", "11111", "11111", "11111", ".111."]],
  ])("dab %i pixels wide", (diameter, rows) => {
    const middle = diameter % 2 ? { x: 2.3, y: 2.8 } : { x: 2.3, y: 1.8 };
    expect(painted(5, 5, (draft) => paintStroke(draft, middle, middle, diameter, 1))).toEqual(rows);
  });

  it("draw the finest diagonal as a diagonal", () => {
    expect(painted(4, 4, (draft) => paintStroke(draft, { x: 0, y: 0 }, { x: 3, y: 3 }, 1, 2))).toEqual([
      "2...",
      ".2..",
      "..2.",
      "...2",
    ]);
  });

  it("cover exactly the pixels within the radius of the line", () => {
    const random = randomNumbers(11);
    for (let trial = 0; trial < 300; trial++) {
      const diameter = 1 + random(12);
      const [from, to] = [0, 0].map(() => ({ x: random(500) / 10 - 5, y: random(400) / 10 - 5 })) as [
        Point,
        Point,
      ];
      const draft = createRaster(40, 30);
      const rect = paintStroke(draft, from, to, diameter, 1);
      expectInside(createRaster(40, 30), draft, rect);
      const [a, b] = [snapBrush(from, diameter), snapBrush(to, diameter)];
      const wrong = [...draft.labels].filter((label, at) => {
        const off = distanceToLine({ x: (at % 40) + 0.5, y: Math.floor(at / 40) + 0.5 }, a, b) - diameter / 2;
        return Math.abs(off) > 1e-6 && label !== +(off < 0);
      });
      expect(wrong).toEqual([]);
    }
  });

  it("have no gaps however fast, and however fine", () => {
    const random = randomNumbers(5);
    for (let trial = 0; trial < 200; trial++) {
      const draft = createRaster(64, 64);
      const path = Array.from({ length: 4 }, () => ({ x: random(640) / 10, y: random(640) / 10 }));
      for (const [at, point] of path.entries()) {
        paintStroke(draft, path[at - 1] ?? point, point, 1 + random(2), 1);
      }
      expect(numPieces(draft)).toBe(1);
    }
  });

  it("erase with the background, and stop at the borders", () => {
    const draft = rasterOf("1111", "1111", "1111");
    const rect = paintStroke(draft, { x: -50, y: 1.5 }, { x: 1.5, y: 1.5 }, 1, 0);
    expect(textOf(draft)).toEqual(["1111", "..11", "1111"]);
    expect(rect).toEqual({ left: 0, top: 1, right: 2, bottom: 2 });
    expect(isEmpty(paintStroke(draft, { x: -50, y: 0 }, { x: -9, y: 0 }, 4, 3))).toBe(true);
  });
});

describe("patches", () => {
  it("end at other labels and do not leak over corners", () => {
    const draft = rasterOf("..1..", ".1...", "1..1.", ".....");
    const before = copyRaster(draft);
    const rect = paintPatch(draft, { x: 0, y: 0 }, 5);
    expect(textOf(draft)).toEqual(["551..", "51...", "1..1.", "....."]);
    expectInside(before, draft, rect);
    expect(rect).toEqual({ left: 0, top: 0, right: 2, bottom: 2 });
  });

  it("go round obstacles, through every bend", () => {
    const draft = rasterOf(".......", ".11111.", ".1...1.", ".1.1.1.", ".1.1.1.", ".1.1...");
    paintPatch(draft, { x: 2.5, y: 5.5 }, 7);
    expect(textOf(draft)).toEqual(["7777777", "7111117", "7177717", "7171717", "7171717", "7171777"]);
  });

  it("are the same as of a search pixel by pixel", () => {
    const random = randomNumbers(2);
    for (let trial = 0; trial < 100; trial++) {
      const draft = createRaster(23, 17);
      draft.labels.forEach((_, at) => {
        draft.labels[at] = random(100) < 58 ? 0 : 1;
      });
      const [x, y] = [random(23), random(17)];
      const before = copyRaster(draft);
      const rect = paintPatch(draft, { x: x + 0.5, y: y + 0.5 }, 4);
      expect(draft.labels).toEqual(patchOf(before, y * 23 + x, 4));
      expectInside(before, draft, rect);
    }
  });

  it("change nothing where the label is there already, or outside", () => {
    const draft = rasterOf("11", "11");
    expect(isEmpty(paintPatch(draft, { x: 1, y: 1 }, 1))).toBe(true);
    expect(isEmpty(paintPatch(draft, { x: 2, y: 1 }, 3))).toBe(true);
    expect(textOf(draft)).toEqual(["11", "11"]);
  });
});

describe("polygons", () => {
  it("hold the pixels whose middle is inside", () => {
    const square = [
      { x: 1, y: 1 },
      { x: 4, y: 1 },
      { x: 4, y: 3 },
      { x: 1, y: 3 },
    ];
    const rows = [".....", ".333.", ".333.", "....."];
    expect(painted(5, 4, (draft) => paintPolygon(draft, square, 3))).toEqual(rows);
    expect(painted(5, 4, (draft) => paintPolygon(draft, square.toReversed(), 3))).toEqual(rows);
  });

  it("may cross themselves: both halves of an eight are inside", () => {
    const eight = [
      { x: 0, y: -0.1 },
      { x: 6, y: 6.1 },
      { x: 6, y: -0.1 },
      { x: 0, y: 6.1 },
    ];
    expect(painted(6, 6, (draft) => paintPolygon(draft, eight, 1))).toEqual([
      "1....1",
      "11..11",
      "111111",
      "111111",
      "11..11",
      "1....1",
    ]);
  });

  it("may go round twice: what is inside stays inside", () => {
    const once = [
      { x: 1, y: 1 },
      { x: 5, y: 1 },
      { x: 5, y: 4 },
      { x: 1, y: 4 },
    ];
    const rows = ["......", ".1111.", ".1111.", ".1111.", "......"];
    expect(painted(6, 5, (draft) => paintPolygon(draft, [...once, ...once], 1))).toEqual(rows);
  });

  it("are cut at the borders, and need three corners", () => {
    const large = [
      { x: -9, y: -9 },
      { x: 90, y: -9 },
      { x: 90, y: 90 },
      { x: -9, y: 90 },
    ];
    expect(painted(3, 2, (draft) => paintPolygon(draft, large, 2))).toEqual(["222", "222"]);
    expect(
      painted(3, 1, (draft) =>
        paintPolygon(
          draft,
          [
            { x: 0, y: 0 },
            { x: 3, y: 1 },
          ],
          2,
        ),
      ),
    ).toEqual(["..."]);
    expect(painted(3, 1, (draft) => paintPolygon(draft, [], 2))).toEqual(["..."]);
  });

  it("wind as a pixel's middle sees it, for any corners", () => {
    const random = randomNumbers(9);
    for (let trial = 0; trial < 100; trial++) {
      const polygon = Array.from({ length: 3 + random(8) }, () => ({
        x: random(320) / 10 - 4,
        y: random(260) / 10 - 3,
      }));
      const draft = createRaster(24, 20);
      const rect = paintPolygon(draft, polygon, 1);
      expectInside(createRaster(24, 20), draft, rect);
      const wrong = [...draft.labels].filter((label, at) => {
        const turns = windings({ x: (at % 24) + 0.5, y: Math.floor(at / 24) + 0.5 }, polygon);
        return turns !== null && label !== +(turns !== 0);
      });
      expect(wrong).toEqual([]);
    }
  });
});

describe("rectangles", () => {
  it("join, and nothing adds nothing", () => {
    const [a, b] = [
      { left: 1, top: 2, right: 3, bottom: 4 },
      { left: 2, top: 0, right: 9, bottom: 3 },
    ];
    expect(union(a, b)).toEqual({ left: 1, top: 0, right: 9, bottom: 4 });
    expect(union(a, { left: 5, top: 5, right: 5, bottom: 9 })).toEqual(a);
  });
});

function distanceToLine(point: Point, a: Point, b: Point): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const along = ((point.x - a.x) * dx + (point.y - a.y) * dy) / (dx * dx + dy * dy || 1);
  const t = Math.min(Math.max(along, 0), 1);
  return Math.hypot(point.x - a.x - t * dx, point.y - a.y - t * dy);
}

/** How many pieces the painted pixels hang together in, corners counting. */
function numPieces(raster: LabelRaster): number {
  const { width, height } = raster;
  const left = new Set([...raster.labels.keys()].filter((at) => raster.labels[at]));
  let pieces = 0;
  for (const seed of left) {
    pieces++;
    const open = [seed];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (!left.delete(at)) continue;
      const [x, y] = [at % width, Math.floor(at / width)];
      for (const [nx, ny] of [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => [x + dx, y + dy] as const))) {
        if (nx >= 0 && nx < width && ny >= 0 && ny < height) open.push(ny * width + nx);
      }
    }
  }
  return pieces;
}

function patchOf({ width, labels }: LabelRaster, seed: number, label: number): Uint8Array {
  const out = labels.slice();
  const open = [seed];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (out[at] !== labels[seed] || out[at] === label) continue;
    out[at] = label;
    if (at % width > 0) open.push(at - 1);
    if (at % width < width - 1) open.push(at + 1);
    open.push(at - width, at + width);
  }
  return out;
}

/** Turns round a point by adding up angles; null where it is too close to an edge to say. */
function windings(point: Point, polygon: readonly Point[]): number | null {
  let sum = 0;
  for (const [at, a] of polygon.entries()) {
    const b = polygon[(at + 1) % polygon.length] ?? a;
    if (distanceToLine(point, a, b) < 1e-6) return null;
    const [ax, ay, bx, by] = [a.x - point.x, a.y - point.y, b.x - point.x, b.y - point.y];
    sum += Math.atan2(ax * by - ay * bx, ax * bx + ay * by);
  }
  return Math.round(sum / (2 * Math.PI));
}
