import { useId } from "preact/hooks";
import { FieldProblem } from "./FieldProblem";
import "./fields.css";

interface NumberFieldProps {
  label: string;
  /** null leaves the field empty. */
  value: number | null;
  min: number;
  max: number;
  step?: number;
  /** What holds while the field is empty; without it, the field cannot be empty. */
  placeholder?: string;
  problem?: string | null;
  onChange(value: number | null): void;
}

/** A number to type, kept within its range when the field is left. */
export function NumberField(props: NumberFieldProps) {
  const { label, value, min, max, step = 1, placeholder, problem = null, onChange } = props;
  const id = useId();

  function read(field: HTMLInputElement): void {
    const empty = placeholder === undefined ? value : null;
    const kept = field.value === "" ? empty : nearest(Number(field.value), min, max, step);
    onChange(kept);
    field.value = String(kept ?? ""); // the state may have held it already, and then draws nothing anew
  }

  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="number"
        inputMode={Number.isInteger(step) ? "numeric" : "decimal"}
        min={min}
        max={max}
        step={step}
        value={value ?? ""}
        placeholder={placeholder}
        aria-invalid={problem !== null}
        aria-describedby={problem === null ? undefined : `${id}-problem`}
        onChange={(event) => read(event.currentTarget)}
      />
      <FieldProblem id={`${id}-problem`} text={problem} />
    </div>
  );
}

function nearest(number: number, min: number, max: number, step: number): number {
  const stepped = min + Math.round((number - min) / step) * step;
  return Number(Math.min(max, Math.max(min, stepped)).toFixed(6));
}
