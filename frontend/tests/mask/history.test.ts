import { describe, expect, it } from "vitest";
import { History } from "../../src/mask/history";
import { copyRaster, createRaster, type LabelRaster } from "../../src/mask/label-raster";
import { randomNumbers, rasterOf } from "./text";

const random = randomNumbers(3);

/** Another raster: some runs painted, now and then another size. */
function changed(raster: LabelRaster): LabelRaster {
  if (random(10) === 0) return createRaster(1 + random(20), 1 + random(20));
  const next = copyRaster(raster);
  for (let run = random(5); run >= 0; run--) {
    const start = random(next.labels.length);
    next.labels.fill(random(19), start, start + random(30));
  }
  return next;
}

describe("history", () => {
  it("brings back every raster, in any order of undoing, redoing and new steps", () => {
    const history = new History();
    let current = createRaster(17, 11);
    const past: LabelRaster[] = [];
    const future: LabelRaster[] = [];
    for (let step = 0; step < 2000; step++) {
      const choice = random(5);
      if (choice < 2) {
        const next = changed(current);
        if (!history.push(current, next)) {
          expect(next).toEqual(current);
          continue;
        }
        past.push(current);
        future.length = 0;
        current = next;
      } else {
        const [from, to] = choice < 4 && step > 20 ? [past, future] : [future, past];
        const expected = from.pop() ?? null;
        const found = from === past ? history.undo(current) : history.redo(current);
        expect(found).toEqual(expected);
        if (!found) continue;
        to.push(current);
        current = found;
      }
      expect([history.canUndo, history.canRedo]).toEqual([past.length > 0, future.length > 0]);
    }
  });

  it("leaves the rasters it is given as they are", () => {
    const history = new History();
    const [before, after] = [rasterOf("11"), rasterOf("12")];
    history.push(before, after);
    expect(history.undo(after)).toEqual(before);
    expect(after).toEqual(rasterOf("12"));
  });

  it("keeps thousands of strokes on a large mask, and forgets the oldest beyond its bound", () => {
    const history = new History(24_000);
    const blank = createRaster(512, 512);
    const stroke = copyRaster(blank);
    for (let y = 0; y < 20; y++) stroke.labels.fill(1, y * 512, y * 512 + 20); // 20 runs of 12 bytes
    for (let step = 0; step < 500; step++) history.push(step % 2 ? stroke : blank, step % 2 ? blank : stroke);
    let steps = 0;
    for (let current = blank; history.canUndo; steps++) current = history.undo(current) ?? current;
    expect(steps).toBe(100);
  });

  it("takes no step where nothing changed, and can still redo", () => {
    const history = new History();
    history.push(rasterOf("11"), rasterOf("12"));
    history.undo(rasterOf("12"));
    expect(history.push(rasterOf("11"), rasterOf("11"))).toBe(false);
    expect([history.canUndo, history.canRedo]).toEqual([false, true]);
  });

  it("keeps the last step however large", () => {
    const history = new History(1);
    history.push(createRaster(2, 2), createRaster(3, 3));
    expect(history.undo(createRaster(3, 3))).toEqual(createRaster(2, 2));
  });
});
