import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { Region } from "../api/types";
import { createDrawing } from "./drawing";
import type { Editor } from "./editor";
import { createKeys } from "./keys";
import { RegionList } from "./RegionList";
import { Stage } from "./Stage";
import { StatusLine } from "./StatusLine";
import { Toolbar } from "./Toolbar";
import { createView } from "./view";
import "./MaskEditor.css";

/** Where a mask is drawn: tools, canvas and the list of regions. It takes the height it is given, if any. */
export function MaskEditor({ editor, regions }: { editor: Editor; regions: readonly Region[] }) {
  const root = useRef<HTMLDivElement>(null);
  const known = useSignal(regions);
  useLayoutEffect(() => {
    known.value = regions;
  }, [known, regions]);
  const mirrored = useComputed(() => known.value.map((region) => region.mirrored));
  const { view, drawing, keys, mirror } = useMemo(() => {
    const view = createView(editor);
    const drawing = createDrawing(editor);
    const mirror = () => editor.mirror(mirrored.peek());
    return { view, drawing, mirror, keys: createKeys(editor, view, drawing, mirror) };
  }, [editor, mirrored]);

  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || !isForEditor(event.target, root.current)) return;
      if (keys.shortcut(event)) event.preventDefault();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [keys]);

  return (
    <div class="mask-editor" ref={root}>
      <div class="mask-editor-body">
        <Toolbar editor={editor} mirror={mirror} />
        <Stage editor={editor} view={view} drawing={drawing} keys={keys} regions={known} />
        <RegionList editor={editor} regions={regions} />
        <StatusLine editor={editor} view={view} regions={regions} />
      </div>
    </div>
  );
}

/** Whether a key is meant for the editor: pressed in it, or while nothing has the focus. */
function isForEditor(target: EventTarget | null, root: Element | null): boolean {
  return target === document.body || (target instanceof Node && root?.contains(target) === true);
}
