import { PixelCanvas } from "../ui/PixelCanvas";
import { percent } from "./expert";
import { LEGEND_WEIGHTS, placeOnRamp, rampColor } from "./heat";
import "./Legend.css";

const WIDTH = 256;

const RAMP = new Uint8ClampedArray(
  Array.from({ length: WIDTH }, (_, x) => [...rampColor(x / (WIDTH - 1)), 255]).flat(),
);

/** Which colour is which weight, up to the brightest. */
export function Legend({ brightest }: { brightest: number }) {
  return (
    <div class="gates-legend">
      <PixelCanvas
        width={WIDTH}
        height={1}
        pixels={RAMP}
        label={`Colours of weights from 0 % (dark) to ${percent(brightest)} (bright)`}
      />
      <ul aria-hidden="true">
        {LEGEND_WEIGHTS.map((weight) => (
          <li key={weight} style={{ left: `${placeOnRamp(weight) * 100}%` }}>
            {percent(weight * brightest)}
          </li>
        ))}
      </ul>
    </div>
  );
}
