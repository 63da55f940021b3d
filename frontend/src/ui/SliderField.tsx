import { useId } from "preact/hooks";
import { FieldProblem } from "./FieldProblem";
import "./fields.css";
import { ResetIcon } from "./icons";

interface SliderFieldProps {
  label: string;
  /** null while the value is `own`. */
  value: number | null;
  /** What holds when nothing is chosen. */
  own: number;
  /** The slider's range; the number beside it may go up to `most`. */
  min: number;
  max: number;
  most?: number;
  step: number;
  /** The colour of the region that is meant. */
  swatch?: string;
  problem?: string | null;
  onChange(value: number | null): void;
}

/** A number to slide or to type, and the way back to what holds when nothing is chosen. */
export function SliderField(props: SliderFieldProps) {
  const { label, value, own, min, max, most = max, step, swatch, problem = null, onChange } = props;
  const id = useId();
  const shown = value ?? own;

  function read(text: string): void {
    const number = Number(text);
    if (text !== "" && Number.isFinite(number)) onChange(Math.min(most, Math.max(min, number)));
  }

  return (
    <div class="slider-field">
      <label for={id}>
        {swatch && <span class="swatch" style={{ background: swatch }} />}
        {label}
      </label>
      <input
        type="range"
        aria-label={`${label}, slider`}
        min={min}
        max={max}
        step={step}
        value={shown}
        onInput={(event) => read(event.currentTarget.value)}
      />
      <input
        id={id}
        type="number"
        inputMode="decimal"
        min={min}
        max={most}
        step={step}
        value={shown}
        aria-invalid={problem !== null}
        aria-describedby={problem === null ? undefined : `${id}-problem`}
        onChange={(event) => {
          read(event.currentTarget.value);
          event.currentTarget.value = String(shown);
        }}
      />
      <button
        type="button"
        class="quiet icon"
        disabled={value === null}
        aria-label={`${label}: back to ${own}`}
        title={`Back to ${own}`}
        onClick={() => onChange(null)}
      >
        <ResetIcon />
      </button>
      <FieldProblem id={`${id}-problem`} text={problem} />
    </div>
  );
}
