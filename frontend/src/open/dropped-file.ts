import { useEffect } from "preact/hooks";

/** Hear of files that are dropped anywhere on the page, or pasted outside of text; the first of several. */
export function useDroppedFile(onFile: (file: File) => void): void {
  useEffect(() => {
    function take(event: Event, files: FileList | undefined) {
      const file = files?.[0];
      if (!file) return;
      event.preventDefault();
      onFile(file);
    }
    const allow = (event: DragEvent) => {
      if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
    };
    const drop = (event: DragEvent) => take(event, event.dataTransfer?.files);
    const paste = (event: ClipboardEvent) => take(event, event.clipboardData?.files);
    document.addEventListener("dragover", allow);
    document.addEventListener("drop", drop);
    document.addEventListener("paste", paste);
    return () => {
      document.removeEventListener("dragover", allow);
      document.removeEventListener("drop", drop);
      document.removeEventListener("paste", paste);
    };
  }, [onFile]);
}
