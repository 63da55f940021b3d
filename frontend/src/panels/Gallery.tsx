import { useRef } from "preact/hooks";
import type { Result } from "../api/types";
import type { Studio } from "../state/studio";
import "./Gallery.css";

/** Finished faces, newest first. One is in the tab order; arrows move on, and what is reached is looked at. */
export function Gallery({ studio, onDelete }: { studio: Studio; onDelete(result: Result): void }) {
  const list = useRef<HTMLUListElement>(null);
  const results = studio.results.value;
  const selected = studio.selected.value;
  const current = Math.max(
    0,
    results.findIndex(({ id }) => id === selected?.id),
  );

  function onKeyDown(event: KeyboardEvent): void {
    const to = destination(event.key, current, results.length, columns(list.current));
    const reached = to === null ? undefined : results[to];
    if (event.key === "Delete" && selected) onDelete(selected);
    if (to === null || !reached) return;
    event.preventDefault();
    studio.selected.value = reached;
    list.current?.querySelectorAll("button")[to]?.focus();
  }

  if (results.length === 0) return <p class="gallery-empty">Faces that you make are kept here.</p>;
  return (
    <section class="gallery" aria-label="Faces">
      <ul ref={list} onKeyDown={onKeyDown}>
        {results.map((result, index) => (
          <li key={result.id}>
            <button
              type="button"
              tabIndex={index === current ? 0 : -1}
              aria-pressed={result.id === selected?.id}
              title={titleOf(result)}
              onClick={() => {
                studio.selected.value = result;
              }}
            >
              <img
                src={studio.client.resultUrl(result.id, "picture.png")}
                alt={titleOf(result)}
                loading="lazy"
              />
              {result.warnings.length > 0 && <span class="gallery-mark" title={result.warnings.join("\n")} />}
            </button>
          </li>
        ))}
      </ul>
      {studio.hasMoreResults.value && (
        <button type="button" onClick={() => studio.loadMoreResults()}>
          Earlier faces
        </button>
      )}
    </section>
  );
}

/** A result in a line: its words, else what it is, and its seed. */
export function titleOf({ prompt, edit, seed }: Result): string {
  return `${prompt || (edit ? "An edit without words" : "A face without words")}, seed ${seed}`;
}

/** Where a key leads in a grid of `count` things in `columns`; null for nowhere. */
export function destination(key: string, from: number, count: number, columns: number): number | null {
  const steps: Record<string, number> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -columns,
    ArrowDown: columns,
    Home: -from,
    End: count - 1 - from,
  };
  const step = steps[key];
  if (step === undefined) return null;
  const to = from + step;
  return to >= 0 && to < count ? to : null;
}

function columns(list: HTMLUListElement | null): number {
  return list === null ? 1 : getComputedStyle(list).gridTemplateColumns.split(" ").length;
}
