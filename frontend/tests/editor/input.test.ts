import { beforeEach, describe, expect, it } from "vitest";
import { createDrawing } from "../../src/editor/drawing";
import { createEditor, type Editor } from "../../src/editor/editor";
import { createKeys, type Keys, nextBrush } from "../../src/editor/keys";
import { createPointers, type Pointers } from "../../src/editor/pointers";
import { createView, type View } from "../../src/editor/view";
import { createRaster, labelAt } from "../../src/mask/label-raster";

let editor: Editor;
let view: View;
let pointers: Pointers;
let keys: Keys;
let stage: HTMLElement;

/** Label pixels painted with a region. */
function painted(region = 3): number {
  return editor.counts.value[region] ?? 0;
}

function pointer(type: "down" | "move" | "up", x: number, y: number, init: PointerEventInit = {}): void {
  const event = new PointerEvent(`pointer${type}`, {
    clientX: x,
    clientY: y,
    pointerId: 1,
    pointerType: "mouse",
    ...init,
  });
  stage.addEventListener(event.type, (found) => pointers[type](found as PointerEvent), { once: true });
  stage.dispatchEvent(event);
}

function press(key: string, init: KeyboardEventInit = {}): void {
  const event = new KeyboardEvent("keydown", { key, ...init });
  if (!keys.draw(event)) keys.shortcut(event);
  keys.release(new KeyboardEvent("keyup", { key, ...init }));
}

beforeEach(() => {
  editor = createEditor(createRaster(100, 100));
  editor.region.value = 3;
  editor.brushSize.value = 1;
  view = createView(editor);
  view.resize({ width: 232, height: 232 }); // two screen pixels a label pixel, beginning at (16, 16)
  const drawing = createDrawing(editor);
  pointers = createPointers(editor, view, drawing);
  keys = createKeys(editor, view, drawing, () => editor.mirror([]));
  stage = document.createElement("div");
  stage.setPointerCapture = () => {};
});

describe("pointers", () => {
  it("paint where they are, from press to release", () => {
    pointer("move", 16, 16);
    expect(view.cursor.value).toEqual({ x: 0, y: 0, by: "pointer" });
    pointer("down", 17, 17);
    pointer("move", 37, 17);
    expect(painted()).toBe(0);
    pointer("up", 37, 17);
    pointer("move", 97, 17);
    expect(painted()).toBe(11);
    expect([0, 10, 11].map((x) => labelAt(editor.raster.value, x, 0))).toEqual([3, 3, 0]);
  });

  it("go through every place that came between two frames", () => {
    pointer("down", 17, 17);
    const places = [
      [17, 57],
      [57, 57],
      [57, 17],
    ] as const;
    const event = new PointerEvent("pointermove", { clientX: 57, clientY: 17, pointerId: 1 });
    Object.assign(event, {
      getCoalescedEvents: () =>
        places.map(([clientX, clientY]) => new PointerEvent("pointermove", { clientX, clientY })),
    });
    stage.addEventListener("pointermove", (found) => pointers.move(found as PointerEvent), { once: true });
    stage.dispatchEvent(event);
    pointer("up", 57, 17);
    expect(painted()).toBe(61); // three sides of a square, 21 pixels each, two corners shared
  });

  it("erase with the right button, pick with Alt, move with the middle one", () => {
    editor.replace({ ...createRaster(100, 100), labels: new Uint8Array(10000).fill(3) });
    pointer("down", 21, 21, { button: 2 });
    pointer("up", 21, 21, { button: 2 });
    expect(labelAt(editor.raster.value, 2, 2)).toBe(0);
    pointer("down", 21, 21, { altKey: true });
    pointer("up", 21, 21);
    expect(editor.region.value).toBe(0);
    pointer("down", 50, 50, { button: 1 });
    pointer("move", 60, 45, { button: 1 });
    pointer("up", 60, 45, { button: 1 });
    expect(view.viewport.value).toEqual({ zoom: 2, x: 26, y: 11 });
    expect(painted()).toBe(9999);
  });

  it("zoom with two fingers, and take back what the first one painted", () => {
    const touch = (pointerId: number) => ({ pointerId, pointerType: "touch" });
    pointer("down", 66, 116, touch(1));
    pointer("move", 70, 116, touch(1));
    pointer("down", 166, 116, touch(2));
    pointer("move", 66, 116, touch(1));
    pointer("move", 266, 116, touch(2));
    pointer("up", 266, 116, touch(2));
    pointer("move", 0, 0, touch(1));
    pointer("up", 0, 0, touch(1));
    expect(editor.isBlank.value).toBe(true);
    expect(view.viewport.value.zoom).toBeCloseTo((2 * 200) / 96);
    pointer("down", 100, 100, touch(3));
    pointer("up", 100, 100, touch(3));
    expect(painted()).toBe(1);
  });

  it("do not paint with the palm once there is a pen", () => {
    pointer("down", 21, 21, { pointerType: "pen" });
    pointer("up", 21, 21, { pointerType: "pen" });
    pointer("down", 101, 101, { pointerType: "touch", pointerId: 2 });
    pointer("move", 121, 101, { pointerType: "touch", pointerId: 2 });
    pointer("up", 121, 101, { pointerType: "touch", pointerId: 2 });
    expect(painted()).toBe(1);
    expect(view.viewport.value.x).toBe(36);
  });

  it("zoom with the wheel, at the place under it", () => {
    const place = view.toLabels({ x: 116, y: 66 });
    stage.addEventListener("wheel", (event) => pointers.wheel(event), { once: true });
    const wheel = new WheelEvent("wheel", { deltaY: -200, cancelable: true });
    stage.dispatchEvent(Object.assign(wheel, { clientX: 116, clientY: 66 })); // happy-dom has no place in it
    expect(wheel.defaultPrevented).toBe(true);
    expect(view.viewport.value.zoom).toBeCloseTo(2 * Math.exp(0.3));
    expect(view.toLabels({ x: 116, y: 66 })).toEqual(place);
  });
});

describe("keys", () => {
  it("choose tools and brushes", () => {
    for (const [key, tool] of Object.entries({
      e: "eraser",
      f: "fill",
      l: "lasso",
      p: "pick",
      h: "pan",
      B: "brush",
    })) {
      press(key);
      expect(editor.tool.value).toBe(tool);
    }
    press("]");
    expect(editor.brushSize.value).toBe(2);
    press("[");
    press("[");
    expect(editor.brushSize.value).toBe(1);
  });

  it("always change the brush, within its bounds", () => {
    for (let size = 1; size < 400; size++) {
      expect(nextBrush(size, true)).toBeGreaterThan(size);
      expect(nextBrush(size + 1, false)).toBeLessThan(size + 1);
    }
    expect([nextBrush(1, false), nextBrush(400, true)]).toEqual([1, 400]);
  });

  it("undo and redo, and leave other combinations to the browser", () => {
    editor.replace({ ...createRaster(100, 100), labels: new Uint8Array(10000).fill(3) });
    press("z", { ctrlKey: true });
    expect(painted()).toBe(0);
    press("Z", { ctrlKey: true, shiftKey: true });
    expect(painted()).toBe(10000);
    press("z", { metaKey: true });
    press("y", { ctrlKey: true });
    expect(painted()).toBe(10000);
    expect(keys.shortcut(new KeyboardEvent("keydown", { key: "p", ctrlKey: true }))).toBe(false);
    expect(keys.shortcut(new KeyboardEvent("keydown", { key: "x" }))).toBe(false);
    const alt = new KeyboardEvent("keydown", { key: "e", altKey: true });
    Object.assign(alt, { getModifierState: () => false }); // happy-dom takes Alt for AltGr
    expect(keys.shortcut(alt)).toBe(false);
    const altGr = new KeyboardEvent("keydown", { key: "]", altKey: true, ctrlKey: true });
    Object.assign(altGr, { getModifierState: (name: string) => name === "AltGraph" });
    expect(keys.shortcut(altGr)).toBe(true);
  });

  it("zoom", () => {
    press("+");
    expect(view.viewport.value.zoom).toBe(2.5);
    press("-");
    press("-");
    expect(view.viewport.value.zoom).toBeCloseTo(1.6);
    press("0");
    expect(view.viewport.value).toEqual({ zoom: 2, x: 16, y: 16 });
  });

  it("move a cursor from the middle, and paint there", () => {
    press("ArrowRight");
    press("ArrowUp");
    expect(view.cursor.value).toEqual({ x: 51.5, y: 49.5, by: "keyboard" });
    press("Enter");
    expect(labelAt(editor.raster.value, 51, 49)).toBe(3);
    press("ArrowDown", { shiftKey: true });
    press(" ");
    expect(painted()).toBe(2);
    editor.brushSize.value = 30;
    for (let step = 0; step < 20; step++) press("ArrowLeft");
    expect(view.cursor.value).toEqual({ x: 0.5, y: 50.5, by: "keyboard" });
    press("ArrowRight", { ctrlKey: true });
    expect(view.cursor.value?.x).toBe(1.5);
  });

  it("hold the mask with Space, which paints only when tapped", () => {
    press("ArrowRight");
    keys.draw(new KeyboardEvent("keydown", { key: " " }));
    keys.draw(new KeyboardEvent("keydown", { key: " ", repeat: true }));
    pointer("down", 50, 50);
    pointer("move", 60, 50);
    pointer("up", 60, 50);
    view.cursor.value = { x: 1, y: 1, by: "keyboard" };
    keys.release(new KeyboardEvent("keyup", { key: " " }));
    expect(view.viewport.value.x).toBe(26);
    expect([painted(), view.isGrabbing.value]).toEqual([0, false]);
  });

  it("draw a lasso corner by corner", () => {
    editor.tool.value = "lasso";
    editor.brushSize.value = 30; // steps of 10
    for (const key of ["Enter", "ArrowRight", "Enter", "ArrowDown", "Enter", "ArrowLeft", "Enter"])
      press(key);
    expect(painted()).toBe(0);
    press("Enter");
    expect(painted()).toBe(100);
    press("Enter");
    press("ArrowUp");
    press("Enter");
    press("Escape");
    press("Enter");
    press("Enter");
    expect(painted()).toBe(100);
  });

  it("bring a cursor that left the stage back into sight", () => {
    view.zoom(16);
    for (let step = 0; step < 30; step++) press("ArrowRight");
    const { zoom, x } = view.viewport.value;
    expect((view.cursor.value?.x ?? 0) * zoom + x).toBeCloseTo(232);
  });
});
