import { useMemo } from "preact/hooks";
import { PixelCanvas } from "../ui/PixelCanvas";
import "./AreaView.css";
import { pictureOfArea } from "./area-picture";
import type { EditPlan } from "./edit-plan";

/** Pixels across; the panel is narrower. */
const WIDTH = 480;

export interface AreaViewProps {
  /** Where the original is. */
  picture: string;
  width: number;
  height: number;
  plan: EditPlan;
  /** Pixels of the picture over which new fades into old. */
  border: number;
}

/** The original with what will be drawn anew hatched, and in words what stays. */
export function AreaView({ picture, width, height, plan, border }: AreaViewProps) {
  const { area, share } = plan;
  const drawn = useMemo(() => pictureOfArea(area, border / width, WIDTH), [area, border, width]);
  return (
    <figure class="area-view">
      <div class="area-layers" style={{ aspectRatio: `${width} / ${height}` }}>
        <img src={picture} alt="The original" />
        {share > 0 && <PixelCanvas {...drawn} />}
      </div>
      <figcaption aria-live="polite">
        {share > 0 ? (
          <>
            <span class="area-key area-key-new">Drawn anew: {partOfPicture(share)}</span>
            {border > 0 && <span class="area-key area-key-border">fades into the old</span>}
            <span>Outside, every pixel stays the original’s, exactly.</span>
          </>
        ) : (
          <span>Nothing is drawn anew yet.</span>
        )}
      </figcaption>
    </figure>
  );
}

function partOfPicture(share: number): string {
  const percent = share * 100;
  return percent < 1 ? "less than 1 %" : `${Math.round(percent)} % of the picture`;
}
