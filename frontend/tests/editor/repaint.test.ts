import { describe, expect, it } from "vitest";
import { createDrawing } from "../../src/editor/drawing";
import { createEditor } from "../../src/editor/editor";
import { repaint, type Shown } from "../../src/editor/repaint";
import { createRaster } from "../../src/mask/label-raster";
import { isEmpty } from "../../src/mask/paint";
import { randomNumbers, textOf } from "../mask/text";

/** A canvas of labels, which gets a frame now and then. */
function createScreen() {
  let screen = createRaster(1, 1);
  let last: Shown | null = null;
  return {
    frame(...now: [Parameters<typeof repaint>[1], Parameters<typeof repaint>[2]]) {
      const { rects, shown } = repaint(last, ...now);
      const { width, height, labels } = shown.raster;
      if (screen.width !== width || screen.height !== height) screen = createRaster(width, height);
      for (const { left, top, right, bottom } of rects.filter((rect) => !isEmpty(rect))) {
        for (let y = top; y < bottom; y++) {
          screen.labels.set(labels.subarray(y * width + left, y * width + right), y * width + left);
        }
      }
      last = shown;
      return {
        screen,
        numPixels: rects.reduce((sum, r) => sum + (r.right - r.left) * (r.bottom - r.top), 0),
      };
    },
  };
}

describe("repainting", () => {
  it("leaves the canvas as the mask is, whatever happened between frames", () => {
    const random = randomNumbers(8);
    const editor = createEditor(createRaster(30, 20));
    const drawing = createDrawing(editor);
    const { frame } = createScreen();
    const point = () => ({ x: random(300) / 10, y: random(200) / 10 });
    const acts = [
      () => drawing.begin((["brush", "eraser", "fill", "lasso"] as const)[random(4)] ?? "brush", point()),
      () => drawing.extend([point(), point()]),
      () => drawing.extend([point()]),
      drawing.end,
      drawing.end,
      drawing.cancel,
      editor.undo,
      editor.redo,
      () => editor.replace(createRaster(20 + random(15), 20)),
      () => {
        editor.region.value = random(10);
        editor.brushSize.value = 1 + random(6);
      },
    ];
    for (let step = 0; step < 3000; step++) {
      acts[random(acts.length)]?.();
      if (random(3) > 0) continue;
      const { screen } = frame(drawing.draft.value, editor.raster.value);
      expect(textOf(screen)).toEqual(textOf(drawing.draft.value?.raster ?? editor.raster.value));
    }
  });

  it("paints only where a stroke went, and nothing when it is lifted", () => {
    const editor = createEditor(createRaster(100, 100));
    editor.brushSize.value = 3;
    const drawing = createDrawing(editor);
    const { frame } = createScreen();
    const numPixels = () => frame(drawing.draft.value, editor.raster.value).numPixels;
    expect(numPixels()).toBe(10000);
    drawing.begin("brush", { x: 10.5, y: 10.5 });
    expect(numPixels()).toBe(9);
    drawing.extend([{ x: 20.5, y: 10.5 }]);
    drawing.extend([{ x: 20.5, y: 20.5 }]);
    expect(numPixels()).toBe(2 * 13 * 3);
    drawing.end();
    expect(numPixels()).toBe(0);
    drawing.begin("brush", { x: 10.5, y: 50.5 });
    expect(numPixels()).toBe(9);
    drawing.cancel();
    expect(numPixels()).toBe(10000);
  });
});
