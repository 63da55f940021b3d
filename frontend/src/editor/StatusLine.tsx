import { useComputed } from "@preact/signals";
import type { Region } from "../api/types";
import { labelAt } from "../mask/label-raster";
import { regionTitle } from "../ui/region-title";
import { ActButton } from "./ActButton";
import type { Editor } from "./editor";
import type { View } from "./view";
import "./StatusLine.css";

/** What is under the pointer, and how closely one looks. The first is read aloud while keys move the cursor. */
export function StatusLine({
  editor,
  view,
  regions,
}: {
  editor: Editor;
  view: View;
  regions: readonly Region[];
}) {
  const place = useComputed(() => {
    const cursor = view.cursor.value;
    const label = cursor && labelAt(editor.raster.value, cursor.x, cursor.y);
    if (!cursor || label === null) return "";
    const name = regionTitle(regions[label]?.name ?? String(label));
    return `${name} at ${Math.floor(cursor.x)}, ${Math.floor(cursor.y)}`;
  });
  const isSpoken = useComputed(() => (view.cursor.value?.by === "keyboard" ? "polite" : "off"));
  const percent = useComputed(() => `${Math.round(view.viewport.value.zoom * 100)}%`);
  return (
    <div class="status-line">
      <p aria-live={isSpoken}>{place}</p>
      <p>
        {editor.raster.value.width} × {editor.raster.value.height}
      </p>
      <div class="tool-group">
        <ActButton icon="farther" title="Zoom out" keys="-" onClick={() => view.zoom(1 / 1.25)} />
        <button
          type="button"
          class="tool tool-percent"
          title="Show all (0)"
          aria-keyshortcuts="0"
          onClick={view.showAll}
        >
          <span class="visually-hidden">Show all, now </span>
          {percent}
        </button>
        <ActButton icon="closer" title="Zoom in" keys="+" onClick={() => view.zoom(1.25)} />
      </div>
    </div>
  );
}
