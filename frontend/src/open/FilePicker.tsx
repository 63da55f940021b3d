import { type Signal, useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { useObjectUrl } from "../ui/use-object-url";
import "./FilePicker.css";

/** What browsers offer first; others can be chosen, and the studio says what it thinks of them. */
const TYPES = "image/png,image/jpeg,image/webp,image/bmp,image/tiff";

/** A place to choose a file; it may also be dropped or pasted, wherever on the page. */
export function FilePicker({ file }: { file: Signal<File | null> }) {
  const id = useId();
  const chosen = file.value;
  const url = useObjectUrl(chosen);
  // A file that browsers cannot show may still be one that the studio can read.
  const unseen = useSignal("");
  return (
    <div class="file-picker">
      {url && unseen.value !== url && (
        <img
          src={url}
          alt=""
          onError={() => {
            unseen.value = url;
          }}
        />
      )}
      <div>
        {chosen && <p class="file-name">{chosen.name}</p>}
        <label for={id} class="button">
          {chosen ? "Choose another file" : "Choose a file"}
        </label>
        <input
          id={id}
          type="file"
          accept={TYPES}
          onChange={(event) => {
            file.value = event.currentTarget.files?.[0] ?? file.value;
          }}
        />
        <p class="open-hint">A mask or a photograph; it can also be dropped on the page, or pasted.</p>
      </div>
    </div>
  );
}
