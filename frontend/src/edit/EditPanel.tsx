import { useMemo } from "preact/hooks";
import { changedPixels, sameSize } from "../mask/label-raster";
import { CaptionField } from "../panels/CaptionField";
import { FinerSettings } from "../panels/FinerSettings";
import { SeedLine } from "../panels/SeedLine";
import type { EditSource, Studio } from "../state/studio";
import { SliderField } from "../ui/SliderField";
import { useObjectUrl } from "../ui/use-object-url";
import { AreaView } from "./AreaView";
import "./EditPanel.css";
import { defaultBorder, type EditPlan, pictureSize } from "./edit-plan";
import { RegionWords } from "./RegionWords";
import { WhereField } from "./WhereField";

/** How a picture is edited, while there is one; nothing otherwise. */
export function EditPanel({ studio }: { studio: Studio }) {
  const [source, plan] = [studio.source.value, studio.plan.value];
  return source && plan && <Panel studio={studio} source={source} plan={plan} />;
}

function Panel({ studio, source, plan }: { studio: Studio; source: EditSource; plan: EditPlan }) {
  const { depth, border } = studio.edit.value;
  const size = pictureSize(studio);
  const picture = usePicture(studio, source);
  const setEdit = (part: Partial<typeof studio.edit.value>) => {
    studio.edit.value = { ...studio.edit.value, ...part };
  };
  return (
    <form class="edit-panel" aria-label="Edit" onSubmit={(event) => event.preventDefault()}>
      <header>
        <h2>{source.kind === "result" ? `Edit of seed ${source.result.seed}` : "Edit of your photograph"}</h2>
        <button type="button" class="quiet" onClick={() => studio.leaveEdit()}>
          Leave the edit
        </button>
      </header>
      <AreaView {...size} picture={picture} plan={plan} border={border ?? defaultBorder(size.width)} />
      <MaskCorrection studio={studio} source={source} />
      <WhereField studio={studio} oldMask={source.oldMask} />
      <CaptionField studio={studio} label="Words for the whole picture" />
      <RegionWords studio={studio} edited={studio.regions.value[plan.labels[0] ?? -1]?.name ?? null} />
      <SeedLine studio={studio} count="Edits" />
      <div>
        <SliderField
          label="Depth"
          value={depth === 1 ? null : depth}
          own={1}
          min={0.05}
          max={1}
          step={0.05}
          problem={studio.problemOf("depth")}
          onChange={(chosen) => setEdit({ depth: chosen ?? 1 })}
        />
        <p class="edit-hint">1 forgets what was there; less keeps more of it.</p>
        <SliderField
          label="Soft border"
          value={border}
          own={defaultBorder(size.width)}
          min={0}
          max={Math.ceil(size.width / 4)}
          most={1000}
          step={1}
          problem={studio.problemOf("border")}
          onChange={(chosen) => setEdit({ border: chosen === null ? null : Math.round(chosen) })}
        />
        <p class="edit-hint">Pixels around it over which new fades into old.</p>
      </div>
      <FinerSettings studio={studio} />
    </form>
  );
}

/** Makes the mask that is painted the one that the picture has: what was wrong in it is no wish. */
function MaskCorrection({ studio, source }: { studio: Studio; source: EditSource }) {
  const mask = studio.editor.raster.value;
  const isSame = useMemo(
    () => sameSize(mask, source.oldMask) && !changedPixels(mask, source.oldMask).includes(1),
    [mask, source.oldMask],
  );
  if (isSame) return null;
  return (
    <p class="edit-correction">
      Were you only correcting the mask?{" "}
      <button
        type="button"
        onClick={() => {
          studio.source.value = { ...source, oldMask: mask };
        }}
      >
        This is what the picture shows
      </button>
    </p>
  );
}

/** Where the original can be seen. */
function usePicture(studio: Studio, source: EditSource): string {
  const photo = useObjectUrl(source.kind === "photo" ? source.blob : null);
  return source.kind === "result" ? studio.client.resultUrl(source.result.id, "picture.png") : photo;
}
