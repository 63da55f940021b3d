import { batch, type ReadonlySignal, signal } from "@preact/signals";
import { BACKGROUND, copyRaster, type LabelRaster, labelAt } from "../mask/label-raster";
import { type Point, paintPatch, paintPolygon, paintStroke, type Rect } from "../mask/paint";
import type { Editor, Tool } from "./editor";

/** A mask that a stroke is being painted into. */
export interface Draft {
  /** The mask that the stroke began on. */
  readonly before: LabelRaster;
  readonly raster: LabelRaster;
  /** What each movement may have changed; it grows with the stroke. */
  readonly changes: readonly Rect[];
}

/** What happens while a tool is down: the mask itself changes once, when it is lifted. */
export interface Drawing {
  readonly draft: ReadonlySignal<Draft | null>;
  /** The corners of the lasso that is being drawn. */
  readonly lasso: ReadonlySignal<readonly Point[]>;
  /** Put a tool down. Fill and pick act at once. */
  begin(tool: Tool, point: Point): void;
  /** Move it through some places. */
  extend(points: readonly Point[]): void;
  /** Lift it: what it did becomes a step. */
  end(): void;
  /** Lift it and leave the mask as it was. */
  cancel(): void;
}

/** The strokes of an editor. */
export function createDrawing(editor: Editor): Drawing {
  const draft = signal<Draft | null>(null);
  const lasso = signal<readonly Point[]>([]);
  let before: LabelRaster | null = null;
  let last: Point | null = null;
  let changes: Rect[] = [];
  let label = BACKGROUND;

  function stroke({ before, raster }: Draft, from: Point, points: readonly Point[]): void {
    for (const point of points) {
      changes.push(paintStroke(raster, from, point, editor.brushSize.peek(), label));
      from = point;
    }
    last = from;
    draft.value = { before, raster, changes };
  }

  function pick(point: Point): void {
    const found = labelAt(editor.raster.peek(), point.x, point.y);
    if (found === null) return;
    editor.region.value = found;
    if (editor.tool.peek() === "pick") editor.tool.value = "brush";
  }

  function fill(point: Point): void {
    const filled = copyRaster(editor.raster.peek());
    paintPatch(filled, point, label);
    editor.replace(filled);
  }

  function cancel(): void {
    batch(() => {
      draft.value = null;
      lasso.value = [];
    });
    before = last = null;
    changes = []; // another one: who shows the stroke has the old one to catch up with
  }

  return {
    draft,
    lasso,
    begin(tool, point) {
      cancel();
      label = tool === "eraser" ? BACKGROUND : editor.region.peek();
      if (tool === "pick") pick(point);
      if (tool === "fill") fill(point);
      if (tool === "fill" || tool === "pick" || tool === "pan") return;
      before = editor.raster.peek();
      if (tool === "lasso") lasso.value = [point];
      else stroke({ before, raster: copyRaster(before), changes }, point, [point]);
    },
    extend(points) {
      const started = draft.peek();
      if (before !== editor.raster.peek())
        cancel(); // undone meanwhile: the draft is of another mask
      else if (started && last) stroke(started, last, points);
      else lasso.value = [...lasso.peek(), ...points];
    },
    end() {
      const isCurrent = before === editor.raster.peek();
      const [started, polygon] = [draft.peek(), lasso.peek()];
      batch(() => {
        if (isCurrent && started) editor.replace(started.raster);
        if (isCurrent && polygon.length > 2) {
          const raster = copyRaster(editor.raster.peek());
          paintPolygon(raster, polygon, label);
          editor.replace(raster);
        }
        cancel();
      });
    },
    cancel,
  };
}
