import { fromBase64 } from "../api/base64";
import { decodeMask } from "../mask/png";
import { createMemory } from "./memory";
import type { EditSettings } from "./request";

/** The edit that a page was left in. */
export interface KeptEdit {
  /** The result that was edited; null for a photograph, which is too large to be kept. */
  readonly result: string | null;
  /** PNG in base64; null for a photograph. */
  readonly oldMask: string | null;
  readonly edit: EditSettings;
}

/** The edit as it was when the page was last open; null for none. */
export const editMemory = createMemory<KeptEdit | null>("facemogle.edit", parseEdit);

function parseEdit(kept: unknown): KeptEdit | null {
  if (kept === undefined) return null;
  const { result, oldMask, edit } = kept as KeptEdit; // what lacks them throws, and then there is none
  const isEdit =
    (result === null || typeof result === "string") &&
    (edit.regions === null || edit.regions.every((name) => typeof name === "string")) &&
    typeof edit.depth === "number" &&
    (edit.border === null || typeof edit.border === "number");
  if (oldMask !== null) decodeMask(fromBase64(oldMask));
  return isEdit && (oldMask === null) === (result === null) ? { result, oldMask, edit } : null;
}
