import { toBase64 } from "../api/base64";
import type { EditRequest, Model, RegionName } from "../api/types";
import type { LabelRaster } from "../mask/label-raster";
import { encodeMask } from "../mask/png";
import { type EditSettings, type FaceRequest, sampling } from "../state/request";
import type { EditSource, Studio } from "../state/studio";

/** Ask for the edit as it is set up now; whether the studio took it. */
export async function askForEdit(studio: Studio): Promise<boolean> {
  const [source, model] = [studio.source.value, studio.model.value];
  if (source === null || model === null) return false;
  return studio.submitEdit(async () => {
    const [wanted, request, edit] = [studio.editor.raster.value, studio.request.value, studio.edit.value];
    const photo = source.kind === "photo" ? new Uint8Array(await source.blob.arrayBuffer()) : null;
    return editRequest(source, photo, wanted, request, edit, model);
  });
}

/** What the API is sent; `photo` is the file of a photograph, null for a result. `model` has the defaults. */
export function editRequest(
  source: EditSource,
  photo: Uint8Array | null,
  wanted: LabelRaster,
  request: FaceRequest,
  edit: EditSettings,
  model: Pick<Model, "steps" | "guidance" | "gates">,
): EditRequest {
  const original = source.kind === "result" ? source.result : null;
  const asked = sampling({
    ...request,
    // What is left out is the result's own, not what the page shows as default.
    steps: request.steps ?? model.steps,
    guidance: request.guidance ?? model.guidance,
    maskStrength: request.maskStrength ?? 1,
    maskWindow: request.maskWindow ?? (original?.mask_window ? [1, 0] : null),
  });
  return {
    ...asked,
    // The result's own seed is left out: only then can the studio tell that nothing would change.
    seed: request.count === 1 && original?.seed === asked.seed ? null : asked.seed,
    prompt: asked.prompt ?? (original?.prompt ? "" : null),
    ...(original ? { result: original.id } : { image: photo && toBase64(photo) }),
    old_mask: toBase64(encodeMask(source.oldMask)),
    mask: toBase64(encodeMask(wanted)),
    regions: edit.regions && ([...edit.regions] as RegionName[]),
    depth: edit.depth,
    border: edit.border,
    gates: request.gates && model.gates,
  };
}
