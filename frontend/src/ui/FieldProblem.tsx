/** What is wrong with a field, beside it; nothing if nothing is. */
export function FieldProblem({ id, text }: { id: string; text: string | null }) {
  return text === null ? null : (
    <p id={id} class="field-problem" role="alert">
      {text}
    </p>
  );
}
