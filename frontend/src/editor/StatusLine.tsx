import { useComputed } from "@preact/signals";
import type { Region } from "../api/types";
import { labelAt } from "../mask/label-raster";
import { regionTitle } from "../ui/region-title";
import type { Editor } from "./editor";
import type { View } from "./view";

/** What is under the pointer. Screen readers hear it while the keyboard moves the cursor. */
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
  return (
    <p class="status-line">
      <span aria-live={isSpoken}>{place}</span>
      <span>
        {editor.raster.value.width} × {editor.raster.value.height}
      </span>
    </p>
  );
}
