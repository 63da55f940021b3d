import { effect } from "@preact/signals";
import { fromBase64, toBase64 } from "../api/base64";
import type { Editor } from "../editor/editor";
import type { LabelRaster } from "../mask/label-raster";
import { decodeMask, encodeMask } from "../mask/png";
import { createMemory } from "./memory";

/** Milliseconds without a stroke after which the mask is kept. */
const IDLE = 800;

const memory = createMemory<string | null>("facemogle.mask", (kept) =>
  typeof kept === "string" ? kept : null,
);

/** The mask that was painted when the page was last open; null for none. */
export function readDraft(): LabelRaster | null {
  const kept = memory.read();
  try {
    return kept === null ? null : decodeMask(fromBase64(kept));
  } catch {
    return null;
  }
}

/** Keep what is painted, soon after each stroke and when the page is left. */
export function keepDraft(editor: Editor): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let kept = editor.raster.peek();

  function keep(): void {
    clearTimeout(timer);
    const raster = editor.raster.peek();
    if (raster === kept) return;
    kept = raster;
    memory.keep(editor.isBlank.peek() ? null : toBase64(encodeMask(raster)));
  }

  effect(() => {
    editor.raster.value;
    clearTimeout(timer);
    timer = setTimeout(keep, IDLE);
  });
  addEventListener("pagehide", keep);
}
