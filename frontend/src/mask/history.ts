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

  /** Remember a step. What was undone before it is forgotten, and the oldest steps beyond the memory bound. */
  push(before: LabelRaster, after: LabelRaster): void {
    for (const step of this.#steps.splice(this.#done)) this.#bytes -= numBytes(step);
    const step = sameSize(before, after)
      ? { runs: changedRuns(before.labels, after.labels) }
      : { before, after };
    this.#steps.push(step);
    this.#bytes += numBytes(step);
    while (this.#bytes > this.maxBytes && this.#steps.length > 1)
      this.#bytes -= numBytes(this.#steps.shift());
    this.#done = this.#steps.length;
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

  /** Forget all steps. */
  clear(): void {
    this.#steps = [];
    this.#done = this.#bytes = 0;
  }
}

function changedRuns(before: Uint8Array, after: Uint8Array): Runs {
  const runs: number[] = [];
  for (let at = 0; at < after.length; ) {
    const [old, now] = [before[at], after[at]];
    const start = at++;
    if (old === undefined || now === undefined || old === now) continue;
    while (at < after.length && before[at] === old && after[at] === now) at++;
    runs.push(start, at - start, (old << 8) | now);
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
