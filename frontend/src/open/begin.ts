/** The ways to begin. What goes wrong is thrown before anything on the page has changed. */

import { fromBase64 } from "../api/base64";
import type { Example } from "../api/types";
import { createRaster, MAX_SIDE } from "../mask/label-raster";
import { decodeMask } from "../mask/png";
import type { Studio } from "../state/studio";

/** Begin with a blank canvas. */
export function beginBlank(studio: Studio, size: number): void {
  studio.begin({ raster: createRaster(size, size) }, `A blank mask of ${size} × ${size}.`);
}

/** Begin with an example: its mask, if it has one, its words and its seed. */
export async function beginExample(studio: Studio, example: Example): Promise<void> {
  const { width, height } = studio.editor.raster.value;
  const raster = example.mask
    ? decodeMask(await studio.client.exampleMask(example.mask))
    : createRaster(width, height);
  const request = { caption: example.prompt ?? "", seed: example.seed, seedLocked: true };
  studio.begin({ raster, request }, "An example: generate it, or change it first.");
}

/** The studio takes no more, and what it refuses unread looks like a broken connection. */
const MOST_BYTES = 24 * 2 ** 20;

/** Begins with what was read of a file; until it is called, nothing on the page has changed. */
export type Beginning = () => void | Promise<void>;

/** Read a mask file. `keepEdit`: it is the wanted mask of the picture that is being edited. */
export async function readMask(
  studio: Studio,
  file: File,
  order: string,
  keepEdit: boolean,
): Promise<Beginning> {
  checkSize(file);
  const raster = decodeMask(await studio.client.readMask(file, order));
  return () => {
    const [photo, source, edit] = [studio.editor.photo.value, studio.source.value, studio.edit.value];
    studio.begin({ raster, ...(keepEdit && { photo, source, edit }) }, `The mask of ${file.name}.`);
  };
}

/** Read a photograph to edit; `align`: the largest face in it. */
export async function readPhoto(studio: Studio, file: File, align: boolean): Promise<Beginning> {
  checkSize(file);
  const parsed = await studio.client.parse(file, align);
  const { width, height } = parsed;
  if (Math.max(width, height) > MAX_SIDE)
    throw new Error(`the photograph is ${width} × ${height}, more than ${MAX_SIDE}: have its face cut out`);
  const photo = new Blob([fromBase64(parsed.photo)], { type: "image/png" });
  const mask = decodeMask(fromBase64(parsed.mask));
  return async () => {
    await studio.editPhoto(photo, mask);
    studio.change({ caption: "" }); // the words were said of another face
  };
}

function checkSize(file: File): void {
  const megabytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
  if (file.size > MOST_BYTES)
    throw new Error(
      `the file has ${megabytes(file.size)} MiB, the studio takes ${megabytes(MOST_BYTES)} MiB`,
    );
}
