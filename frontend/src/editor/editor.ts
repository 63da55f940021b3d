import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { History } from "../mask/history";
import { BACKGROUND, countLabels, createRaster, type LabelRaster, mirrorRaster } from "../mask/label-raster";

export type Tool = "brush" | "eraser" | "fill" | "lasso" | "pick" | "pan";

/** The widest brush, in label pixels. */
export const MAX_BRUSH = 400;

/** A mask that is being drawn, the tools in hand, and the photo under it. */
export interface Editor {
  /** The mask as it is: a new object after every step, never written into, so it can be kept. */
  readonly raster: ReadonlySignal<LabelRaster>;
  /** How many pixels of the mask have each label. */
  readonly counts: ReadonlySignal<Uint32Array>;
  /** Whether nothing is painted. */
  readonly isBlank: ReadonlySignal<boolean>;
  readonly canUndo: ReadonlySignal<boolean>;
  readonly canRedo: ReadonlySignal<boolean>;
  readonly tool: Signal<Tool>;
  /** The label that tools paint. */
  readonly region: Signal<number>;
  /** The brush's diameter in label pixels, 1 to MAX_BRUSH. */
  readonly brushSize: Signal<number>;
  /** How much the mask covers the photo, 0 to 1. */
  readonly opacity: Signal<number>;
  /** What is shown under the mask. */
  readonly photo: ReadonlySignal<ImageBitmap | null>;

  /** Put another mask, of any size, in place of this one: a step that can be undone. */
  replace(raster: LabelRaster): void;
  /** Begin with another mask: nothing of before can come back. */
  open(raster: LabelRaster): void;
  /** Erase everything: a step that can be undone. */
  clear(): void;
  /** Flip left to right: a step that can be undone. `mirrored` is the label that each label becomes. */
  mirror(mirrored: readonly number[]): void;
  undo(): void;
  redo(): void;
  setPhoto(photo: ImageBitmap | null): void;
}

/** An editor of a mask, a blank one of 512 x 512 to begin with. */
export function createEditor(first: LabelRaster = createRaster(512, 512)): Editor {
  let history = new History();
  const raster = signal(first);
  const canUndo = signal(false);
  const canRedo = signal(false);
  const photo = signal<ImageBitmap | null>(null);
  const brushSize = signal(Math.max(1, Math.min(MAX_BRUSH, Math.round((24 * first.width) / 512))));
  const counts = computed(() => countLabels(raster.value));

  function show(next: LabelRaster | null): void {
    batch(() => {
      if (next) {
        const scaled = Math.round((brushSize.peek() * next.width) / raster.peek().width);
        brushSize.value = Math.max(1, Math.min(MAX_BRUSH, scaled)); // as wide on the screen as it was
        raster.value = next;
      }
      canUndo.value = history.canUndo;
      canRedo.value = history.canRedo;
    });
  }

  function replace(next: LabelRaster): void {
    if (history.push(raster.peek(), next)) show(next);
  }

  return {
    raster,
    counts,
    isBlank: computed(() => counts.value[BACKGROUND] === raster.value.labels.length),
    canUndo,
    canRedo,
    tool: signal<Tool>("brush"),
    region: signal(1),
    brushSize,
    opacity: signal(0.6),
    photo,
    replace,
    open(next) {
      history = new History();
      show(next);
    },
    clear: () => replace(createRaster(raster.peek().width, raster.peek().height)),
    mirror: (mirrored) => replace(mirrorRaster(raster.peek(), mirrored)),
    undo: () => show(history.undo(raster.peek())),
    redo: () => show(history.redo(raster.peek())),
    setPhoto: (next) => {
      photo.value = next;
    },
  };
}
