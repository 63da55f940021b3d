import { type Area, growArea, outlineOf, resizeArea } from "../mask/area";

const STRIPE = 10;

/** RGBA of what lies over a picture to show what is drawn anew. */
const LINE = [255, 122, 47, 255];
const WHITE = [255, 255, 255, 190];
const SHADE = [20, 12, 6, 110];
const TINT = [255, 122, 47, 45];
const DASH = [255, 255, 255, 235];
const GAP = [20, 12, 6, 160];

/** Pixels that hatch an area and outline it, and, dashed, the end of its soft border. */
export interface AreaPicture {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
}

/**
 * A picture of an area, so wide that its lines are fine. `border`: how far new fades into old, as a part of
 * the picture's width.
 */
export function pictureOfArea(area: Area, border: number, width: number): AreaPicture {
  const height = Math.max(1, Math.round((width * area.height) / area.width));
  const shown = resizeArea(area, width, height);
  const line = outlineOf(shown).inside;
  const end = outlineOf(growArea(shown, Math.round(border * width))).inside;
  const pixels = new Uint8ClampedArray(width * height * 4);
  shown.inside.forEach((inside, place) => {
    const stripe = ((place % width) + Math.floor(place / width)) % STRIPE;
    if (line[place]) pixels.set(LINE, place * 4);
    else if (inside) pixels.set(stripe < 2 ? WHITE : stripe < 4 ? SHADE : TINT, place * 4);
    else if (end[place]) pixels.set(stripe < STRIPE / 2 ? DASH : GAP, place * 4);
  });
  return { width, height, pixels };
}
