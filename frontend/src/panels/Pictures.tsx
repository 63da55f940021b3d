import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
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
  const root = useRef<HTMLDivElement>(null);
  const inspected = useSignal<Result | null>(null);
  const doomed = useSignal<Result | null>(null);
  const selected = studio.selected.value;

  function ask(result: Result): void {
    doomed.value = result;
  }

  async function remove(result: Result): Promise<void> {
    await studio.removeResult(result);
    requestAnimationFrame(() => {
      if (document.activeElement !== document.body) return; // what had the focus is still there
      root.current?.querySelector<HTMLElement>(".gallery [tabindex='0']")?.focus();
    });
  }

  return (
    <div class="pictures" ref={root}>
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
        <DeleteDialog doomed={doomed.value} onDelete={remove} onClose={() => (doomed.value = null)} />
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

interface DeleteDialogProps {
  doomed: Result;
  onDelete(result: Result): void;
  onClose(): void;
}

function DeleteDialog({ doomed, onDelete, onClose }: DeleteDialogProps) {
  return (
    <ConfirmDialog
      title="Delete this face?"
      text={`${titleOf(doomed)}: the picture, its mask and its request are removed from the disk.`}
      action="Delete"
      onConfirm={() => onDelete(doomed)}
      onClose={onClose}
    />
  );
}
