import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Point } from "../mask/paint";
import {
  fitViewport,
  keepInSight,
  pan,
  pinch,
  type Size,
  toLabels,
  type Viewport,
  zoomAt,
} from "../mask/viewport";
import type { Editor } from "./editor";

/** Where on the mask the pointer or the keyboard's cursor is. */
export interface Cursor extends Point {
  readonly by: "pointer" | "keyboard";
}

/** How an editor's mask is looked at. */
export interface View {
  readonly viewport: ReadonlySignal<Viewport>;
  /** In label pixels; null while nothing points at the mask. */
  readonly cursor: Signal<Cursor | null>;
  /** Whether the next drag moves the mask, whatever the tool. */
  readonly isGrabbing: Signal<boolean>;
  /** The stage has another size now. */
  resize(stage: Size): void;
  /** Show all of the mask, and go on to do so when the stage changes. */
  showAll(): void;
  /** Zoom round a place on the stage, its middle if left out. */
  zoom(factor: number, at?: Point): void;
  pan(dx: number, dy: number): void;
  pinch(before: readonly [Point, Point], now: readonly [Point, Point]): void;
  /** Move so that a place of the mask can be seen. */
  reveal(point: Point): void;
  /** Where a place on the stage is on the mask. */
  toLabels(point: Point): Point;
}

/** A view of an editor's mask. */
export function createView(editor: Editor): View {
  const viewport = signal<Viewport>({ zoom: 1, x: 0, y: 0 });
  let stage: Size = { width: 1, height: 1 };
  let isFitted = true;

  function show(next: Viewport): void {
    viewport.value = keepInSight(next, editor.raster.peek(), stage);
    isFitted = false;
  }

  function showAll(): void {
    viewport.value = fitViewport(editor.raster.peek(), stage);
    isFitted = true;
  }

  return {
    viewport,
    cursor: signal(null),
    isGrabbing: signal(false),
    resize(next) {
      if (next.width === 0 || next.height === 0) return; // hidden for now
      stage = next;
      if (isFitted) showAll();
      else show(viewport.peek());
    },
    showAll,
    zoom: (factor, at = { x: stage.width / 2, y: stage.height / 2 }) =>
      show(zoomAt(viewport.peek(), at, factor)),
    pan: (dx, dy) => show(pan(viewport.peek(), dx, dy)),
    pinch: (before, now) => show(pinch(viewport.peek(), before, now)),
    reveal({ x, y }) {
      const { zoom, x: left, y: top } = viewport.peek();
      const [dx, dy] = [outside(x * zoom + left, stage.width), outside(y * zoom + top, stage.height)];
      if (dx || dy) show(pan(viewport.peek(), -dx, -dy));
    },
    toLabels: (point) => toLabels(viewport.peek(), point),
  };
}

/** How far a place is beyond the ends of a line. */
function outside(at: number, length: number): number {
  return Math.min(at, 0) + Math.max(at - length, 0);
}
