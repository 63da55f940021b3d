import { effect, type ReadonlySignal, useComputed } from "@preact/signals";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { Region } from "../api/types";
import { type ColorTable, colorTable } from "../mask/colors";
import { regionTitle } from "../ui/region-title";
import type { Drawing } from "./drawing";
import type { Editor } from "./editor";
import type { Keys } from "./keys";
import { Pointer } from "./Pointer";
import { createPointers } from "./pointers";
import { Sheet } from "./Sheet";
import type { View } from "./view";
import "./Stage.css";

export interface StageProps {
  editor: Editor;
  view: View;
  drawing: Drawing;
  keys: Keys;
  regions: ReadonlySignal<readonly Region[]>;
}

/** The canvas: what pointers and keys draw on. */
export function Stage({ editor, view, drawing, keys, regions }: StageProps) {
  const stage = useRef<HTMLDivElement>(null);
  const pointers = useMemo(() => createPointers(editor, view, drawing), [editor, view, drawing]);
  const colors = useComputed<ColorTable>(() => colorTable(regions.value));
  const label = useComputed(() => describe(editor, regions.value));
  const isUntouched = useComputed(
    () =>
      editor.isBlank.value &&
      editor.photo.value === null &&
      drawing.draft.value === null &&
      !drawing.lasso.value.length,
  );
  const size = useComputed(() => `${editor.raster.value.width} x ${editor.raster.value.height}`);

  useLayoutEffect(
    () =>
      effect(() => {
        void [size.value, editor.photo.value]; // something else was opened
        view.showAll();
      }),
    [editor, size, view],
  );
  useLayoutEffect(() => {
    const element = stage.current;
    if (!element) return;
    const measure = () => view.resize({ width: element.clientWidth, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    element.addEventListener("wheel", pointers.wheel, { passive: false }); // it keeps the page from scrolling
    return () => {
      observer.disconnect();
      element.removeEventListener("wheel", pointers.wheel);
    };
  }, [pointers, view]);

  const cursor = useComputed(() => (view.isGrabbing.value ? "pan" : editor.tool.value));
  return (
    <div
      ref={stage}
      class="stage"
      data-cursor={cursor}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: an application is interactive
      tabIndex={0}
      role="application"
      aria-roledescription="mask"
      aria-label={label}
      aria-describedby="stage-keys"
      onPointerDown={pointers.down}
      onPointerMove={pointers.move}
      onPointerUp={pointers.up}
      onPointerCancel={pointers.cancel}
      onPointerLeave={pointers.leave}
      onContextMenu={(event) => event.preventDefault()}
      onKeyDown={(event) => {
        if (keys.draw(event)) event.preventDefault();
      }}
      onKeyUp={keys.release}
      onBlur={() => {
        view.isGrabbing.value = false;
      }}
    >
      <Sheet editor={editor} view={view} drawing={drawing} colors={colors} />
      <Pointer editor={editor} view={view} drawing={drawing} />
      <p class="stage-hint" hidden={!isUntouched.value} aria-hidden="true">
        Choose a region and paint, or begin with an example, a mask or a photograph
      </p>
      <p id="stage-keys" class="visually-hidden">
        Arrow keys move the cursor, with Control by one pixel, with Shift they paint on the way. Enter or
        Space uses the tool; with the lasso it sets a corner, twice at one place closes it, Escape gives it
        up.
      </p>
    </div>
  );
}

function describe(editor: Editor, regions: readonly Region[]): string {
  const name = regionTitle(regions[editor.region.value]?.name ?? "");
  const { width, height } = editor.raster.value;
  const pixels = editor.brushSize.value;
  const size = `${pixels} ${pixels === 1 ? "pixel" : "pixels"} wide`;
  const tools = {
    brush: `brush, ${name}, ${size}`,
    eraser: `eraser, ${size}`,
    fill: `fill with ${name}`,
    lasso: `lasso, ${name}`,
    pick: "pick a region",
    pan: "move the mask",
  };
  return `Mask of ${width} by ${height} pixels: ${tools[editor.tool.value]}`;
}
