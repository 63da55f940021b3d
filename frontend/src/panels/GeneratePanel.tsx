import type { Studio } from "../state/studio";
import { CaptionField } from "./CaptionField";
import { FinerSettings } from "./FinerSettings";
import "./GeneratePanel.css";
import { SeedLine } from "./SeedLine";

/** What faces are asked for with. */
export function GeneratePanel({ studio }: { studio: Studio }) {
  return (
    <form class="generate-panel" onSubmit={(event) => event.preventDefault()}>
      <CaptionField studio={studio} />
      <SeedLine studio={studio} count="Count" />
      <GatesField studio={studio} />
      <FinerSettings studio={studio} />
    </form>
  );
}

/** Whether how the experts' weights move is kept; only a mask has experts. */
function GatesField({ studio }: { studio: Studio }) {
  if (!studio.model.value?.gates) return null;
  const blank = studio.editor.isBlank.value;
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={studio.request.value.gates}
        onChange={(event) => studio.change({ gates: event.currentTarget.checked })}
      />
      <span>
        Keep gate maps, to see inside
        {blank && studio.request.value.gates && <small> – there are none without a mask</small>}
      </span>
    </label>
  );
}
