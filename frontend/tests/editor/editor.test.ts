import { effect } from "@preact/signals";
import { describe, expect, it } from "vitest";
import { createEditor } from "../../src/editor/editor";
import { createRaster } from "../../src/mask/label-raster";
import { rasterOf } from "../mask/text";

const MIRRORED = [0, 1, 2, 3, 5, 4];

describe("an editor", () => {
  it("begins blank, 512 x 512", () => {
    const editor = createEditor();
    expect([editor.raster.value.width, editor.raster.value.height]).toEqual([512, 512]);
    expect([editor.isBlank.value, editor.canUndo.value, editor.canRedo.value]).toEqual([true, false, false]);
  });

  it("keeps its brush as wide on the screen, however many pixels the mask has", () => {
    const editor = createEditor();
    expect(editor.brushSize.value).toBe(24);
    editor.open(createRaster(128, 128));
    expect(editor.brushSize.value).toBe(6);
    editor.replace(createRaster(256, 256));
    expect(editor.brushSize.value).toBe(12);
    editor.undo();
    expect(editor.brushSize.value).toBe(6);
    editor.brushSize.value = 300;
    editor.open(createRaster(2048, 2048));
    expect(editor.brushSize.value).toBe(400);
  });

  it("undoes and redoes whatever changed its mask, size and all", () => {
    const masks = [rasterOf("14", "00"), rasterOf("222"), rasterOf("5"), rasterOf("4"), rasterOf("0")];
    const editor = createEditor(rasterOf("14", "00"));
    editor.replace(rasterOf("222"));
    editor.replace(rasterOf("5"));
    editor.mirror(MIRRORED);
    editor.clear();
    for (const mask of masks.toReversed()) {
      expect(editor.raster.value).toEqual(mask);
      editor.undo();
    }
    expect(editor.canUndo.value).toBe(false);
    for (const mask of masks) {
      expect(editor.raster.value).toEqual(mask);
      editor.redo();
    }
    expect(editor.canRedo.value).toBe(false);
  });

  it("takes no step when nothing changes", () => {
    const editor = createEditor(rasterOf("12"));
    const before = editor.raster.value;
    editor.replace(rasterOf("12"));
    expect(editor.raster.value).toBe(before);
    expect(editor.canUndo.value).toBe(false);
  });

  it("tells of each change once, with everything in agreement", () => {
    const editor = createEditor(rasterOf("1."));
    const seen: unknown[] = [];
    effect(() => {
      seen.push([[...editor.raster.value.labels], editor.canUndo.value, editor.isBlank.value]);
    });
    editor.clear();
    editor.undo();
    expect(seen).toEqual([
      [[1, 0], false, false],
      [[0, 0], true, true],
      [[1, 0], false, false],
    ]);
  });

  it("never writes into a raster that it gave away", () => {
    const editor = createEditor(rasterOf("1234"));
    const kept = editor.raster.value;
    editor.clear();
    editor.undo();
    editor.mirror(MIRRORED);
    expect(kept).toEqual(rasterOf("1234"));
  });
});
