import { decode, hasPngSignature } from "fast-png";
import { MAX_SIDE } from "../mask/label-raster";

/** Where the header of a PNG says how large it is and what its pixels are: grey, colours, or indices. */
const [WIDTH, HEIGHT, COLOR_TYPE, HEADER] = [16, 20, 25, 26];
const [GREY, PALETTE] = [0, 3];

/** Masks have 19 labels; soft edges or dust give files some colours more. A photograph has thousands. */
const MOST_COLORS = 64;

/** Bytes of a file whose colours are counted: few colours take little, and what is decoded here is not watched. */
const MOST_BYTES = 2 ** 20;

/** Whether a file is more likely a mask than a photograph; the studio reads masks from PNG files alone. */
export async function looksLikeMask(file: Blob): Promise<boolean> {
  try {
    const header = new DataView(await file.slice(0, HEADER).arrayBuffer());
    if (header.byteLength < HEADER || !hasPngSignature(new Uint8Array(header.buffer))) return false;
    if (Math.max(header.getUint32(WIDTH), header.getUint32(HEIGHT)) > MAX_SIDE) return false;
    const type = header.getUint8(COLOR_TYPE);
    if (type === GREY || type === PALETTE) return true;
    return file.size <= MOST_BYTES && hasFewColors(new Uint8Array(await file.arrayBuffer()));
  } catch {
    return false; // the studio will say what is wrong with it
  }
}

function hasFewColors(png: Uint8Array): boolean {
  const { data, channels } = decode(png);
  const colors = new Set<number>();
  for (let at = 0; at < data.length && colors.size <= MOST_COLORS; at += channels)
    colors.add(((data[at] ?? 0) << 16) | ((data[at + 1] ?? 0) << 8) | (data[at + 2] ?? 0));
  return colors.size <= MOST_COLORS;
}
