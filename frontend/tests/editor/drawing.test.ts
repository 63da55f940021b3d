import { describe, expect, it } from "vitest";
import { createDrawing } from "../../src/editor/drawing";
import { createEditor } from "../../src/editor/editor";
import { rasterOf, textOf } from "../mask/text";

function setUp(...rows: string[]) {
  const editor = createEditor(rasterOf(...rows));
  editor.brushSize.value = 1;
  editor.region.value = 3;
  return { editor, drawing: createDrawing(editor), mask: () => textOf(editor.raster.value) };
}

describe("drawing", () => {
  it("makes one step of a stroke, however many movements it had", () => {
    const { editor, drawing, mask } = setUp(".....", ".....");
    drawing.begin("brush", { x: 0.5, y: 0.5 });
    drawing.extend([
      { x: 2.5, y: 0.5 },
      { x: 4.5, y: 0.5 },
    ]);
    drawing.extend([{ x: 4.5, y: 1.5 }]);
    expect(mask()).toEqual([".....", "....."]);
    expect(textOf(drawing.draft.value?.raster ?? rasterOf())).toEqual(["33333", "....3"]);
    expect(drawing.draft.value?.changes.at(-1)).toEqual({ left: 4, top: 0, right: 5, bottom: 2 });
    drawing.end();
    expect(mask()).toEqual(["33333", "....3"]);
    expect(drawing.draft.value).toBe(null);
    editor.undo();
    expect(mask()).toEqual([".....", "....."]);
    expect(editor.canUndo.value).toBe(false);
  });

  it("leaves no trace of a stroke that is cancelled", () => {
    const { editor, drawing, mask } = setUp("1.");
    drawing.begin("brush", { x: 0, y: 0 });
    drawing.cancel();
    drawing.extend([{ x: 1, y: 0 }]);
    drawing.end();
    expect(mask()).toEqual(["1."]);
    expect([editor.canUndo.value, drawing.lasso.value]).toEqual([false, []]);
  });

  it("erases with the eraser, whatever the region", () => {
    const { drawing, mask } = setUp("111");
    drawing.begin("eraser", { x: 1.5, y: 0.5 });
    drawing.end();
    expect(mask()).toEqual(["1.1"]);
  });

  it("fills a patch at once", () => {
    const { editor, drawing, mask } = setUp("11.1");
    drawing.begin("fill", { x: 0.5, y: 0.5 });
    drawing.extend([{ x: 3.5, y: 0.5 }]);
    drawing.end();
    expect(mask()).toEqual(["33.1"]);
    editor.undo();
    expect(mask()).toEqual(["11.1"]);
  });

  it("fills what a lasso went round, when it is lifted", () => {
    const { drawing, mask } = setUp("....", "....", "....");
    drawing.begin("lasso", { x: 1, y: 0 });
    drawing.extend([
      { x: 4, y: 0 },
      { x: 4, y: 2 },
    ]);
    drawing.extend([{ x: 1, y: 2 }]);
    expect(drawing.lasso.value).toHaveLength(4);
    expect(mask()).toEqual(["....", "....", "...."]);
    drawing.end();
    expect(mask()).toEqual([".333", ".333", "...."]);
    expect(drawing.lasso.value).toEqual([]);
  });

  it("picks the region under it, and goes on to paint with it", () => {
    const { editor, drawing } = setUp("17");
    editor.tool.value = "pick";
    drawing.begin("pick", { x: 1.2, y: 0.2 });
    expect([editor.region.value, editor.tool.value]).toEqual([7, "brush"]);
    drawing.begin("pick", { x: 2.2, y: 0.2 });
    expect(editor.region.value).toBe(7);
  });

  it("keeps the tool when a region is picked in between", () => {
    const { editor, drawing } = setUp("17");
    editor.tool.value = "lasso";
    drawing.begin("pick", { x: 0.2, y: 0.2 });
    expect([editor.region.value, editor.tool.value]).toEqual([1, "lasso"]);
  });

  it("gives a stroke up when the mask is undone under it", () => {
    const { editor, drawing, mask } = setUp("....");
    editor.replace(rasterOf("1111"));
    drawing.begin("brush", { x: 0.5, y: 0.5 });
    editor.undo();
    drawing.extend([{ x: 3.5, y: 0.5 }]);
    drawing.end();
    expect(mask()).toEqual(["...."]);
    expect(editor.canRedo.value).toBe(true);
  });
});
