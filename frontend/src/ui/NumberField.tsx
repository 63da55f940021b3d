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
    if (field.value === "" && placeholder !== undefined) return onChange(null);
    const number = Number(field.value);
    const steps = Math.round((number - min) / step);
    const kept = Number(Math.min(max, Math.max(min, min + steps * step)).toFixed(6));
    if (field.value !== "" && Number.isFinite(kept)) onChange(kept);
    // The state may already hold what is kept, and then nothing but this changes the field.
    field.value = field.value === "" ? String(value ?? "") : String(kept);
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
