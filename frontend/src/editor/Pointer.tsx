import { useComputed } from "@preact/signals";
import { snapBrush } from "../mask/paint";
import { toScreen } from "../mask/viewport";
import type { Drawing } from "./drawing";
import type { Editor } from "./editor";
import type { View } from "./view";

/** What shows where tools act: the brush's true size, the lasso's line, the keyboard's cursor. */
export function Pointer({ editor, view, drawing }: { editor: Editor; view: View; drawing: Drawing }) {
  const brush = useComputed(() => {
    const cursor = view.cursor.value;
    const tool = editor.tool.value;
    if (!cursor || view.isGrabbing.value || (tool !== "brush" && tool !== "eraser")) return null;
    const size = editor.brushSize.value;
    const { x, y } = toScreen(view.viewport.value, snapBrush(cursor, size));
    return { x, y, radius: Math.max((size / 2) * view.viewport.value.zoom, 1) };
  });
  const lasso = useComputed(() =>
    drawing.lasso.value
      .map((corner) => toScreen(view.viewport.value, corner))
      .map(({ x, y }, at) => `${at ? "L" : "M"}${x} ${y}`)
      .join(""),
  );
  const cross = useComputed(() => {
    const cursor = view.cursor.value;
    if (cursor?.by !== "keyboard") return "";
    const { x, y } = toScreen(view.viewport.value, cursor);
    return `M${x - 8} ${y}h16M${x} ${y - 8}v16`;
  });
  return (
    <svg class="pointer" aria-hidden="true">
      {["pointer-shade", "pointer-line"].map((line) => (
        <g key={line} class={line}>
          {brush.value && <circle cx={brush.value.x} cy={brush.value.y} r={brush.value.radius} />}
          <path d={lasso} />
          <path d={cross} />
        </g>
      ))}
    </svg>
  );
}
