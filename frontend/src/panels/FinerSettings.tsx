import type { Studio } from "../state/studio";
import "./FinerSettings.css";
import { RegionStrengths } from "./RegionStrengths";
import { SamplingFields } from "./SamplingFields";

/** What generating and editing have in common beside words and seed. Open or not is the browser's to keep. */
export function FinerSettings({ studio }: { studio: Studio }) {
  return (
    <>
      <details class="finer" open>
        <summary>Regions</summary>
        <RegionStrengths studio={studio} />
      </details>
      <details class="finer">
        <summary>Drawing</summary>
        <SamplingFields studio={studio} />
      </details>
    </>
  );
}
