export interface FieldProblemProps {
  id: string;
  text: string | null;
  /** Whether no notice tells it as well: then it is read out at once. */
  isAlone?: boolean;
}

/** What is wrong with a field, beside it; nothing if nothing is. */
export function FieldProblem({ id, text, isAlone = false }: FieldProblemProps) {
  return text === null ? null : (
    <p id={id} class="field-problem" role={isAlone ? "alert" : undefined}>
      {text}
    </p>
  );
}
