import { decode, hasPngSignature } from "fast-png";

/** Where the header of a PNG says what its pixels are: grey, colours, or indices into a palette. */
const COLOR_TYPE = 25;
const [GREY, PALETTE] = [0, 3];

/** Masks have 19 labels; soft edges or dust give files some colours more. A photograph has thousands. */
const MOST_COLORS = 64;

/** Whether a file is more likely a mask than a photograph; the studio reads masks from PNG files alone. */
export function looksLikeMask(bytes: Uint8Array): boolean {
  if (bytes.length <= COLOR_TYPE || !hasPngSignature(bytes)) return false;
  const type = bytes[COLOR_TYPE];
  if (type === GREY || type === PALETTE) return true;
  try {
    const { data, channels } = decode(bytes);
    const colors = new Set<number>();
    for (let at = 0; at < data.length && colors.size <= MOST_COLORS; at += channels)
      colors.add(((data[at] ?? 0) << 16) | ((data[at + 1] ?? 0) << 8) | (data[at + 2] ?? 0));
    return colors.size <= MOST_COLORS;
  } catch {
    return false; // the studio will say what is wrong with it
  }
}
