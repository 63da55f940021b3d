import { copyRaster, type LabelRaster, sameSize } from "./label-raster";

/** Bytes that undoing may keep: tens of thousands of strokes, as only runs of changed labels are kept. */
const MAX_BYTES = 64 << 20;

/** Runs of pixels that changed alike, three numbers each: first pixel, length, label before * 256 + label after. */
type Runs = Uint32Array;

/** What one step changed: runs, or all of it where the size changed too. */
type Step = { readonly runs: Runs } | { readonly before: LabelRaster; readonly after: LabelRaster };

/** The steps that made a raster what it is. */
export class History {
  #steps: Step[] = [];
  #done = 0;
  #bytes = 0;

  constructor(readonly maxBytes = MAX_BYTES) {}

  get canUndo(): boolean {
    return this.#done > 0;
  }

  get canRedo(): boolean {
    return this.#done < this.#steps.length;
  }

  /**
   * Remember a step, unless it changed nothing; returns whether it did. What was undone before it is forgotten,
   * and so are the oldest steps beyond the memory bound.
   */
  push(before: LabelRaster, after: LabelRaster): boolean {
    const step = sameSize(before, after)
      ? { runs: changedRuns(before.labels, after.labels) }
      : { before, after };
    if ("runs" in step && step.runs.length === 0) return false;
    for (const undone of this.#steps.splice(this.#done)) this.#bytes -= numBytes(undone);
    this.#steps.push(step);
    this.#bytes += numBytes(step);
    while (this.#bytes > this.maxBytes && this.#steps.length > 1)
      this.#bytes -= numBytes(this.#steps.shift());
    this.#done = this.#steps.length;
    return true;
  }

  /** The raster before the last step, null if there is none. `current` must be what that step made. */
  undo(current: LabelRaster): LabelRaster | null {
    const step = this.#steps[this.#done - 1];
    if (!step) return null;
    this.#done--;
    return "runs" in step ? withRuns(current, step.runs, (labels) => labels >> 8) : step.before;
  }

  /** The raster after the step that was undone last, null if there is none. */
  redo(current: LabelRaster): LabelRaster | null {
    const step = this.#steps[this.#done];
    if (!step) return null;
    this.#done++;
    return "runs" in step ? withRuns(current, step.runs, (labels) => labels & 255) : step.after;
  }
}

function changedRuns(before: Uint8Array, after: Uint8Array): Runs {
  const runs: number[] = [];
  const end = after.length;
  for (let at = 0; at < end; at++) {
    const old = before[at] ?? 0;
    const now = after[at] ?? 0;
    if (old === now) continue;
    const start = at;
    while (at + 1 < end && before[at + 1] === old && after[at + 1] === now) at++;
    runs.push(start, at + 1 - start, (old << 8) | now);
  }
  return Uint32Array.from(runs);
}

function withRuns(current: LabelRaster, runs: Runs, pick: (labels: number) => number): LabelRaster {
  const raster = copyRaster(current);
  for (let at = 0; at < runs.length; at += 3) {
    const [start = 0, length = 0, labels = 0] = runs.subarray(at, at + 3);
    raster.labels.fill(pick(labels), start, start + length);
  }
  return raster;
}

function numBytes(step: Step | undefined): number {
  if (!step) return 0;
  return "runs" in step ? step.runs.byteLength : step.before.labels.length + step.after.labels.length;
}
