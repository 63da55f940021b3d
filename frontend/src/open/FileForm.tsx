import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { wordsOf } from "../api/problem";
import type { Studio } from "../state/studio";
import { FieldProblem } from "../ui/FieldProblem";
import { readMask, readPhoto } from "./begin";
import "./FileForm.css";
import { FilePicker } from "./FilePicker";
import { looksLikeMask } from "./looks-like-mask";

export interface FileFormProps {
  studio: Studio;
  file: Signal<File | null>;
  onDone: () => void;
}

/** A file of the user's own: what it is, how it is read, and what is wrong with it. */
export function FileForm({ studio, file, onDone }: FileFormProps) {
  const name = useId();
  const isMask = useSignal(false);
  const order = useSignal("CelebAMask-HQ");
  const keepEdit = useSignal(true);
  const align = useSignal(true);
  const busy = useSignal(false);
  const problem = useSignal<string | null>(null);
  const isGone = useIsGone();

  const chosen = file.value;
  useEffect(() => {
    problem.value = null;
    chosen?.arrayBuffer().then((buffer) => {
      isMask.value = looksLikeMask(new Uint8Array(buffer));
    });
  }, [chosen, isMask, problem]);

  async function open(given: File) {
    busy.value = true;
    problem.value = null;
    try {
      const begin = await (isMask.value
        ? readMask(studio, given, order.value, keepEdit.value)
        : readPhoto(studio, given, align.value));
      if (isGone()) return; // who has closed the dialog does not want it any more
      await begin();
      onDone();
    } catch (error) {
      problem.value = wordsOf(error).replace(/^body: /, ""); // what the API calls the file
    } finally {
      busy.value = false;
    }
  }

  return (
    <section aria-label="A file">
      <h3>A file of yours</h3>
      <FilePicker file={file} />
      {chosen && (
        <div class="file-form">
          <fieldset>
            <legend>What it is</legend>
            <Choice
              name={name}
              label="A photograph of a face"
              chosen={!isMask.value}
              onChoose={() => set(false)}
            />
            <Choice name={name} label="A mask" chosen={isMask.value} onChoose={() => set(true)} />
          </fieldset>
          {isMask.value ? (
            <>
              <OrderField studio={studio} order={order} />
              {studio.source.value && (
                <Check label="Keep the edit: it is the mask that is wanted" on={keepEdit} />
              )}
            </>
          ) : (
            <Check label="Look for the face and cut it out, as the model draws faces" on={align} />
          )}
          <button
            type="button"
            class="primary"
            disabled={busy.value}
            aria-describedby={problem.value === null ? undefined : `${name}-problem`}
            onClick={() => open(chosen)}
          >
            {busy.value ? "Reading …" : isMask.value ? "Open the mask" : "Open the photograph"}
          </button>
          <FieldProblem id={`${name}-problem`} text={problem.value} />
        </div>
      )}
    </section>
  );

  function set(mask: boolean) {
    isMask.value = mask;
    problem.value = null;
  }
}

/** Whether what asks has been taken off the page. */
function useIsGone(): () => boolean {
  const gone = useRef(false);
  useEffect(
    () => () => {
      gone.current = true;
    },
    [],
  );
  return () => gone.current;
}

interface ChoiceProps {
  name: string;
  label: string;
  chosen: boolean;
  onChoose: () => void;
}

function Choice({ name, label, chosen, onChoose }: ChoiceProps) {
  return (
    <label class="check">
      <input type="radio" name={name} checked={chosen} onChange={onChoose} />
      {label}
    </label>
  );
}

function Check({ label, on }: { label: string; on: Signal<boolean> }) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={on.value}
        onChange={(event) => {
          on.value = event.currentTarget.checked;
        }}
      />
      {label}
    </label>
  );
}

function OrderField({ studio, order }: { studio: Studio; order: Signal<string> }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>Order of its classes</label>
      <select
        id={id}
        value={order.value}
        onChange={(event) => {
          order.value = event.currentTarget.value;
        }}
      >
        {studio.classOrders.value.map((known) => (
          <option key={known} value={known}>
            {known}
          </option>
        ))}
      </select>
    </div>
  );
}
