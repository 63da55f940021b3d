import { useId, useRef } from "preact/hooks";
import type { Studio } from "../state/studio";
import { FieldProblem } from "../ui/FieldProblem";
import "./Entrance.css";

/** What there is to see until the page can work: what it lacks, and how to give it. */
export function Entrance({ studio }: { studio: Studio }) {
  return (
    <main class="entrance">
      {studio.phase.value === "starting" && <p aria-live="polite">Opening the studio …</p>}
      {studio.phase.value === "locked" && <TokenForm studio={studio} />}
      {studio.phase.value === "unreachable" && (
        <>
          <h2>The studio does not answer</h2>
          <p>It may have been closed. What you painted and wrote is kept in this browser.</p>
          <button type="button" class="primary" onClick={() => studio.start()}>
            Try again
          </button>
        </>
      )}
    </main>
  );
}

function TokenForm({ studio }: { studio: Studio }) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const problem = studio.problemOf("token");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        studio.start(field.current?.value ?? "");
      }}
    >
      <h2>This studio asks for its token</h2>
      <p>It is what the studio was started with, behind --token.</p>
      <div class="field">
        <label for={id}>Token</label>
        <input
          ref={field}
          id={id}
          type="password"
          autocomplete="current-password"
          required
          aria-invalid={problem !== null}
          aria-describedby={problem === null ? undefined : `${id}-problem`}
        />
        <FieldProblem id={`${id}-problem`} text={problem} />
      </div>
      <button type="submit" class="primary">
        Enter
      </button>
    </form>
  );
}
