import { useSignal } from "@preact/signals";
import { useCallback } from "preact/hooks";
import type { Studio } from "../state/studio";
import { Dialog } from "../ui/Dialog";
import { BlankForm } from "./BlankForm";
import { useDroppedFile } from "./dropped-file";
import { ExampleList } from "./ExampleList";
import { FileForm } from "./FileForm";
import "./OpenMenu.css";

/** The ways to begin: a file, an example, nothing. Files may also be dropped on the page or pasted. */
export function OpenMenu({ studio }: { studio: Studio }) {
  const open = useSignal(false);
  const file = useSignal<File | null>(null);
  const show = useCallback(
    (dropped: File | null) => {
      file.value = dropped;
      open.value = true;
    },
    [file, open],
  );
  const isOver = useDroppedFile(show);
  const close = () => {
    open.value = false;
  };
  return (
    <>
      <button type="button" onClick={() => show(null)}>
        Begin with …
      </button>
      {isOver && <p class="drop-cue">Drop a mask or a photograph</p>}
      {open.value && (
        <Dialog title="Begin with" onClose={close}>
          <div class="open-ways">
            <FileForm studio={studio} file={file} onDone={close} />
            <ExampleList studio={studio} onDone={close} />
            <BlankForm studio={studio} onDone={close} />
          </div>
        </Dialog>
      )}
    </>
  );
}
