import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Result } from "../api/types";
import { Compare } from "../edit/Compare";
import type { Studio } from "../state/studio";
import { useObjectUrl } from "../ui/use-object-url";
import { titleOf } from "./Gallery";

/** A result's picture; an edit's can be compared with what it was made from, as long as that is kept. */
export function ResultPicture({ studio, result }: { studio: Studio; result: Result }) {
  const comparing = useSignal(false);
  const original = useOriginal(studio, result);
  const photo = useObjectUrl(studio.photoOf(result));
  const before = original === null ? photo : studio.client.resultUrl(original, "picture.png");
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

/** The id of what an edit was made from, once it is known to be there. */
function useOriginal(studio: Studio, result: Result): string | null {
  const found = useSignal<string | null>(null);
  const source = result.edit?.source ?? null;
  useEffect(() => {
    let wanted = true;
    found.value = null;
    if (source !== null)
      studio.client.result(source).then(
        ({ id }) => {
          if (wanted) found.value = id;
        },
        () => undefined, // it was removed: then there is nothing to compare with
      );
    return () => {
      wanted = false;
    };
  }, [studio, source, found]);
  return found.value;
}
