import { type ReadonlySignal, useComputed, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { type ColorTable, colorPixels } from "../mask/colors";
import type { LabelRaster } from "../mask/label-raster";
import { isEmpty, type Rect } from "../mask/paint";
import type { Drawing } from "./drawing";
import type { Editor } from "./editor";
import { repaint, type Shown } from "./repaint";
import type { View } from "./view";

/** The mask over its photo, where the view puts them. Only what changed is drawn again. */
export function Sheet(props: {
  editor: Editor;
  view: View;
  drawing: Drawing;
  colors: ReadonlySignal<ColorTable>;
}) {
  const { editor, view, drawing, colors } = props;
  const style = useComputed(() => {
    const { width, height } = editor.raster.value;
    const { zoom, x, y } = view.viewport.value;
    const place = `transform: translate(${x}px, ${y}px) scale(${zoom}); --zoom: ${zoom}`;
    const [red, green, blue] = colors.value; // the background's own
    return `width: ${width}px; height: ${height}px; ${place}; background: rgb(${red} ${green} ${blue})`;
  });
  const labelStyle = useComputed(() => `opacity: ${editor.photo.value ? editor.opacity.value : 1}`);
  return (
    <div class="sheet" style={style}>
      <Photo photo={editor.photo} />
      <canvas class="sheet-labels" ref={useLabels(editor, drawing, colors)} style={labelStyle} />
    </div>
  );
}

function Photo({ photo }: { photo: ReadonlySignal<ImageBitmap | null> }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useSignalEffect(() => {
    const picture = photo.value;
    if (!canvas.current) return;
    canvas.current.width = picture?.width ?? 1; // setting it also clears the canvas
    canvas.current.height = picture?.height ?? 1;
    if (picture) canvas.current.getContext("2d")?.drawImage(picture, 0, 0);
  });
  return <canvas class="sheet-photo" ref={canvas} hidden={photo.value === null} />;
}

/** A canvas that shows the draft, or the mask if nothing is being drawn: labels looked up in the table of colours. */
function useLabels(editor: Editor, drawing: Drawing, colors: ReadonlySignal<ColorTable>) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const last = useRef<{ shown: Shown; table: ColorTable } | null>(null);
  useSignalEffect(() => {
    const table = colors.value;
    const context = canvas.current?.getContext("2d");
    const before = last.current?.table === table ? last.current.shown : null;
    const { rects, shown } = repaint(before, drawing.draft.value, editor.raster.value);
    if (!context) return;
    const { width, height } = shown.raster;
    if (context.canvas.width !== width) context.canvas.width = width;
    if (context.canvas.height !== height) context.canvas.height = height;
    for (const rect of rects) put(context, shown.raster, rect, table);
    last.current = { shown, table };
  });
  return canvas;
}

function put(context: CanvasRenderingContext2D, raster: LabelRaster, rect: Rect, table: ColorTable): void {
  if (isEmpty(rect)) return;
  const pixels = colorPixels(raster, rect, table);
  context.putImageData(new ImageData(pixels, rect.right - rect.left), rect.left, rect.top);
}
