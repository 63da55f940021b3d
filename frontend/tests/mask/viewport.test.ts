import { describe, expect, it } from "vitest";
import { fitViewport, keepInSight, pan, pinch, toLabels, toScreen, zoomAt } from "../../src/mask/viewport";
import { randomNumbers } from "./text";

const raster = { width: 512, height: 256 };
const stage = { width: 832, height: 632 };

describe("viewports", () => {
  it("fit all of a raster in the middle", () => {
    const viewport = fitViewport(raster, stage);
    expect(viewport).toEqual({ zoom: 1.5625, x: 16, y: 116 });
    expect(toScreen(viewport, { x: 512, y: 256 })).toEqual({ x: 816, y: 516 });
    expect(toLabels(viewport, { x: 416, y: 316 })).toEqual({ x: 256, y: 128 });
  });

  it("lead from labels to the screen and back", () => {
    const random = randomNumbers(4);
    for (let trial = 0; trial < 200; trial++) {
      const viewport = { zoom: (1 + random(6400)) / 100, x: random(2000) - 1000, y: random(2000) - 1000 };
      const point = { x: random(51200) / 100, y: random(51200) / 100 };
      const back = toLabels(viewport, toScreen(viewport, point));
      expect(back.x).toBeCloseTo(point.x, 8);
      expect(back.y).toBeCloseTo(point.y, 8);
    }
  });

  it("zoom round a place that stays, there and back", () => {
    const viewport = fitViewport(raster, stage);
    const place = { x: 700, y: 130 };
    const near = zoomAt(viewport, place, 4);
    expect(near.zoom).toBe(6.25);
    expect(toLabels(near, place)).toEqual(toLabels(viewport, place));
    expect(zoomAt(near, place, 1 / 4)).toEqual(viewport);
  });

  it("zoom no further than pixels as large as a thumb, nor to nothing", () => {
    const place = { x: 1, y: 1 };
    expect(zoomAt(fitViewport(raster, stage), place, 1e9).zoom).toBe(64);
    expect(zoomAt(fitViewport(raster, stage), place, 1e-9).zoom).toBe(0.05);
  });

  it("go with two fingers: what is under each stays under it", () => {
    const viewport = { zoom: 2, x: 10, y: 20 };
    const before = [
      { x: 100, y: 100 },
      { x: 200, y: 100 },
    ] as const;
    const now = [
      { x: 150, y: 300 },
      { x: 350, y: 300 },
    ] as const;
    const moved = pinch(viewport, before, now);
    expect(moved.zoom).toBe(4);
    for (const finger of [0, 1] as const)
      expect(toLabels(moved, now[finger])).toEqual(toLabels(viewport, before[finger]));
  });

  it("never lose a raster out of sight", () => {
    const viewport = fitViewport(raster, stage);
    expect(keepInSight(viewport, raster, stage)).toEqual(viewport);
    const gone = keepInSight(pan(viewport, -9999, 9999), raster, stage);
    expect(gone).toEqual({ zoom: 1.5625, x: 16 - 800, y: 616 });
  });
});
