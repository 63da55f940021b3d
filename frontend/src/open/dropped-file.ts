import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

/**
 * Hear of files that are dropped anywhere on the page, or pasted; the first of several. Says whether one is
 * being dragged over the page.
 */
export function useDroppedFile(onFile: (file: File) => void): boolean {
  const over = useSignal(false);
  useEffect(() => {
    function take(event: Event, files: FileList | undefined) {
      over.value = false;
      const file = files?.[0];
      if (!file) return;
      event.preventDefault();
      onFile(file);
    }
    function dragOver(event: DragEvent) {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      over.value = true;
    }
    function dragLeave(event: DragEvent) {
      if (event.relatedTarget === null) over.value = false; // the page, not one of its elements
    }
    const drop = (event: DragEvent) => take(event, event.dataTransfer?.files);
    const paste = (event: ClipboardEvent) => take(event, event.clipboardData?.files);
    document.addEventListener("dragover", dragOver);
    document.addEventListener("dragleave", dragLeave);
    document.addEventListener("drop", drop);
    document.addEventListener("paste", paste);
    return () => {
      document.removeEventListener("dragover", dragOver);
      document.removeEventListener("dragleave", dragLeave);
      document.removeEventListener("drop", drop);
      document.removeEventListener("paste", paste);
    };
  }, [onFile, over]);
  return over.value;
}
