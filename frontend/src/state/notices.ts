import { type ReadonlySignal, signal } from "@preact/signals";
import { ProblemError, wordsOf } from "../api/problem";
import type { FieldProblem } from "../api/types";

/** Something to tell, until it is dismissed. */
export interface Notice {
  readonly id: number;
  readonly kind: "problem" | "news";
  readonly text: string;
  /** What can be done about it. */
  readonly action: NoticeAction | null;
}

export interface NoticeAction {
  readonly label: string;
  run(): void;
}

export interface Notices {
  /** Newest last. */
  readonly all: ReadonlySignal<readonly Notice[]>;
  /** Tell what went wrong; `what` begins the sentence. Problems of fields are also told beside these. */
  report(what: string, error: unknown): void;
  tell(text: string, action?: NoticeAction): void;
  dismiss(notice: Notice): void;
  /** Forget the problems of the attempt before. */
  clear(): void;
  problemOf(field: string): string | null;
}

const MOST_NOTICES = 3;

/** Notices and problems of fields, none yet. */
export function createNotices(): Notices {
  const all = signal<readonly Notice[]>([]);
  const fields = signal<readonly FieldProblem[]>([]);
  let lastId = 0;

  function add(kind: Notice["kind"], text: string, action: NoticeAction | null): void {
    const others = all.value.filter(
      (notice) => notice.text !== text && !(kind === "news" && notice.kind === "news"),
    );
    lastId += 1;
    all.value = [...others, { id: lastId, kind, text, action }].slice(-MOST_NOTICES);
  }

  return {
    all,
    report(what, error) {
      if (error instanceof ProblemError) fields.value = error.fields;
      add("problem", `${what}: ${wordsOf(error)}${waiting(error)}`, null);
    },
    tell: (text, action) => add("news", text, action ?? null),
    dismiss(notice) {
      all.value = all.value.filter(({ id }) => id !== notice.id);
    },
    clear() {
      fields.value = [];
      all.value = all.value.filter(({ kind }) => kind !== "problem");
    },
    problemOf: (field) =>
      fields.value.find((problem) => problem.field === field || problem.field.startsWith(`${field}.`))
        ?.detail ?? null,
  };
}

function waiting(error: unknown): string {
  if (!(error instanceof ProblemError) || error.retryAfter === null) return "";
  return `. Try again in ${error.retryAfter === 1 ? "a second" : `${error.retryAfter} seconds`}.`;
}
