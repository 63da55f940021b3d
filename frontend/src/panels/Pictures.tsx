import { useSignal } from "@preact/signals";
import type { Result } from "../api/types";
import { GatesView } from "../gates/GatesView";
import { isActive } from "../state/job-list";
import type { Studio } from "../state/studio";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { Gallery, titleOf } from "./Gallery";
import { JobList } from "./JobList";
import "./Pictures.css";
import { ResultView } from "./ResultView";

/** Faces on their way, the one that is looked at, and all that were made. */
export function Pictures({ studio }: { studio: Studio }) {
  const inspected = useSignal<Result | null>(null);
  const doomed = useSignal<Result | null>(null);
  const selected = studio.selected.value;

  function ask(result: Result): void {
    doomed.value = result;
  }

  return (
    <div class="pictures">
      <p class="visually-hidden" role="status">
        {newsOf(studio)}
      </p>
      <JobList studio={studio} />
      {selected && (
        <ResultView
          studio={studio}
          result={selected}
          onInspect={() => {
            inspected.value = selected;
          }}
          onDelete={() => ask(selected)}
        />
      )}
      <Gallery studio={studio} onDelete={ask} />
      {inspected.value && (
        <GatesView
          studio={studio}
          result={inspected.value}
          onClose={() => {
            inspected.value = null;
          }}
        />
      )}
      {doomed.value && (
        <DeleteDialog studio={studio} doomed={doomed.value} onClose={() => (doomed.value = null)} />
      )}
    </div>
  );
}

/** What readers are told as faces come; progress bars tell the rest to whoever asks them. */
function newsOf(studio: Studio): string {
  const onTheWay = studio.jobs.value.filter(isActive).length;
  if (onTheWay > 0) return onTheWay === 1 ? "A face is on the way" : `${onTheWay} faces are on the way`;
  const [newest] = studio.results.value;
  return newest ? `The newest face: ${titleOf(newest)}` : "";
}

function DeleteDialog({ studio, doomed, onClose }: { studio: Studio; doomed: Result; onClose(): void }) {
  return (
    <ConfirmDialog
      title="Delete this face?"
      text={`${titleOf(doomed)}: the picture, its mask and its request are removed from the disk.`}
      action="Delete"
      onConfirm={() => studio.removeResult(doomed)}
      onClose={onClose}
    />
  );
}
