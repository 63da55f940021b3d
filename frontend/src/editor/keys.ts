import { snapBrush } from "../mask/paint";
import type { Viewport } from "../mask/viewport";
import type { Drawing } from "./drawing";
import { type Editor, MAX_BRUSH, type Tool } from "./editor";
import type { Cursor, View } from "./view";

/** The key of each tool. */
export const TOOL_KEYS: Readonly<Record<Tool, string>> = {
  brush: "B",
  eraser: "E",
  fill: "F",
  lasso: "L",
  pick: "P",
  pan: "H",
};

/** What the keyboard does to an editor. */
export interface Keys {
  /** Keys that work wherever the focus is in the editor; whether this was one. */
  shortcut(event: KeyboardEvent): boolean;
  /** Keys that draw, while the canvas has the focus; whether this was one. */
  draw(event: KeyboardEvent): boolean;
  /** A key of the canvas was let go. */
  release(event: KeyboardEvent): void;
}

const ARROWS: Readonly<Record<string, readonly [dx: number, dy: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** The next wider brush, or the next finer one. */
export function nextBrush(size: number, wider: boolean): number {
  const next = wider
    ? Math.max(size + 1, Math.round(size * 1.2))
    : Math.min(size - 1, Math.round(size / 1.2));
  return Math.min(Math.max(next, 1), MAX_BRUSH);
}

/** The keys of an editor; `mirror` is what M does. */
export function createKeys(editor: Editor, view: View, drawing: Drawing, mirror: () => void): Keys {
  const plain: Record<string, () => void> = {
    "[": () => size(false),
    "]": () => size(true),
    "+": () => view.zoom(1.25),
    "=": () => view.zoom(1.25),
    "-": () => view.zoom(1 / 1.25),
    "0": view.showAll,
    m: mirror,
  };
  for (const tool of Object.keys(TOOL_KEYS) as Tool[]) {
    plain[TOOL_KEYS[tool].toLowerCase()] = () => {
      editor.tool.value = tool;
    };
  }
  let grabbedAt: Viewport | null = null;
  const withControl: Record<string, () => void> = { z: editor.undo, y: editor.redo };
  const withControlAndShift: Record<string, () => void> = { z: editor.redo };

  function size(wider: boolean): void {
    editor.brushSize.value = nextBrush(editor.brushSize.peek(), wider);
  }

  /** The keyboard's cursor; it begins where the pointer is, or in the middle. */
  function cursor(): Cursor {
    const { width, height } = editor.raster.peek();
    const from = view.cursor.peek() ?? { x: width / 2, y: height / 2 };
    return { ...snapBrush(from, 1), by: "keyboard" };
  }

  function move(dx: number, dy: number, event: KeyboardEvent): void {
    const { width, height } = editor.raster.peek();
    const from = cursor();
    const step = event.ctrlKey || event.metaKey ? 1 : Math.max(1, Math.round(editor.brushSize.peek() / 3));
    const to: Cursor = {
      x: Math.min(Math.max(from.x + dx * step, 0.5), width - 0.5),
      y: Math.min(Math.max(from.y + dy * step, 0.5), height - 0.5),
      by: "keyboard",
    };
    const tool = editor.tool.peek();
    if (event.shiftKey && (tool === "brush" || tool === "eraser")) {
      drawing.begin(tool, from);
      drawing.extend([to]);
      drawing.end();
    }
    view.cursor.value = to;
    view.reveal(to);
  }

  /** Put the tool down and lift it; a lasso gets a corner, and is closed by one at the same place. */
  function press(): void {
    const at = cursor();
    view.cursor.value = at;
    const last = drawing.lasso.peek().at(-1);
    if (editor.tool.peek() === "lasso" && last) {
      if (last.x === at.x && last.y === at.y) drawing.end();
      else drawing.extend([at]);
      return;
    }
    drawing.begin(editor.tool.peek(), at);
    if (editor.tool.peek() !== "lasso") drawing.end();
  }

  /** Space held is a hand that drags; Space tapped paints. */
  function grab(): void {
    if (!view.isGrabbing.peek()) grabbedAt = view.viewport.peek();
    view.isGrabbing.value = true;
  }

  return {
    shortcut(event) {
      const isAltGr = event.getModifierState("AltGraph"); // how many keyboards write [ and ]
      if (event.altKey && !isAltGr) return false;
      const hasControl = (event.ctrlKey || event.metaKey) && !isAltGr;
      const keys = !hasControl ? plain : event.shiftKey ? withControlAndShift : withControl;
      const act = keys[event.key.toLowerCase()];
      act?.();
      return act !== undefined;
    },
    draw(event) {
      const arrow = ARROWS[event.key];
      if (arrow) move(arrow[0], arrow[1], event);
      else if (event.key === "Enter") press();
      else if (event.key === "Escape") drawing.cancel();
      else if (event.key === " ") grab();
      else return false;
      return true;
    },
    release(event) {
      if (event.key !== " ") return;
      view.isGrabbing.value = false;
      const isTap = grabbedAt === view.viewport.peek();
      grabbedAt = null;
      if (isTap && view.cursor.peek()?.by === "keyboard") press();
    },
  };
}
