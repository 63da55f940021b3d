import type { FieldProblem } from "./types";

/** What the studio answered in place of what was asked: its words, and the fields that are to blame. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";

  /** @param status 0 when the studio could not be reached. @param retryAfter seconds after which to come again. */
  constructor(
    readonly status: number,
    detail: string,
    readonly fields: readonly FieldProblem[] = [],
    readonly retryAfter: number | null = null,
  ) {
    super(detail);
  }

  /** The problem that a response tells; whatever stands between us and the studio may answer without JSON. */
  static of(response: Response, body: unknown): ProblemError {
    const told = (typeof body === "object" && body !== null ? body : {}) as {
      detail?: unknown;
      errors?: unknown;
    };
    const detail =
      typeof told.detail === "string" ? told.detail : `${response.status} ${response.statusText}`.trim();
    const wait = Number(response.headers.get("Retry-After"));
    return new ProblemError(
      response.status,
      detail,
      Array.isArray(told.errors) ? (told.errors as FieldProblem[]) : [],
      wait > 0 ? wait : null,
    );
  }
}

/** What to tell of anything that was thrown. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
