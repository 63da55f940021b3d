import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Result } from "../api/types";
import { Compare } from "../edit/Compare";
import type { Studio } from "../state/studio";
import { titleOf } from "./Gallery";

/** A result's picture; an edit's can be compared with what it was made from, as long as that is kept. */
export function ResultPicture({ studio, result }: { studio: Studio; result: Result }) {
  const comparing = useSignal(false);
  const before = useOriginal(studio, result);
  const url = studio.client.resultUrl(result.id, "picture.png");
  return (
    <>
      {before && comparing.value ? (
        <Compare
          before={before}
          after={url}
          alt={titleOf(result)}
          width={result.width}
          height={result.height}
        />
      ) : (
        <img
          class="result-picture"
          src={url}
          alt={titleOf(result)}
          width={result.width}
          height={result.height}
        />
      )}
      {before && (
        <button
          type="button"
          aria-pressed={comparing.value}
          onClick={() => {
            comparing.value = !comparing.value;
          }}
        >
          Before and after
        </button>
      )}
    </>
  );
}

/** Where what an edit was made from can be seen, once it is known to be there. */
function useOriginal({ client }: Studio, { id, edit }: Result): string | null {
  const isSourceKept = useSignal(false);
  const source = edit?.source ?? null;
  useEffect(() => {
    if (source !== null)
      client.result(source).then(
        () => {
          isSourceKept.value = true;
        },
        () => undefined, // it was removed: then there is nothing to compare with
      );
  }, [client, source, isSourceKept]);
  if (source !== null) return isSourceKept.value ? client.resultUrl(source, "picture.png") : null;
  return edit?.width ? client.resultUrl(id, "original.png") : null; // the oldest edits have neither
}
