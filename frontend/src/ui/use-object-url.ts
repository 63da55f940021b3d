import { useEffect, useState } from "preact/hooks";

/** Where an `<img>` finds a file that the page holds; empty until then. */
export function useObjectUrl(blob: Blob | null): string {
  const [url, setUrl] = useState("");
  useEffect(() => {
    if (!blob) return;
    const made = URL.createObjectURL(blob);
    setUrl(made);
    return () => {
      URL.revokeObjectURL(made);
      setUrl("");
    };
  }, [blob]);
  return url;
}
