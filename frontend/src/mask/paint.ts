import { type LabelRaster, labelAt } from "./label-raster";

/** A place on a raster: whole numbers are the corners of pixels, so the first pixel's middle is (0.5, 0.5). */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Pixels from (left, top) up to, not including, (right, bottom). */
export interface Rect {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Rounding must not decide about pixels that a brush just touches. */
const TOUCH = 1e-9;

/**
 * Where a brush sits: on the middle of a pixel if its diameter is odd, on a corner if it is even. So a dab is
 * as round as pixels can be, the same wherever it is put, and the finest line has no gaps.
 */
export function snapBrush({ x, y }: Point, diameter: number): Point {
  if (diameter % 2 === 0) return { x: Math.round(x), y: Math.round(y) };
  return { x: Math.floor(x) + 0.5, y: Math.floor(y) + 0.5 };
}

/**
 * Paint the straight stroke of a round brush into a draft: all pixels whose middle is no further than the
 * radius from the line between two places. Both are snapped first. Returns what may have changed.
 */
export function paintStroke(
  draft: LabelRaster,
  from: Point,
  to: Point,
  diameter: number,
  label: number,
): Rect {
  const [a, b, radius] = [snapBrush(from, diameter), snapBrush(to, diameter), diameter / 2];
  const rect = within(draft, {
    left: Math.floor(Math.min(a.x, b.x) - radius),
    top: Math.floor(Math.min(a.y, b.y) - radius),
    right: Math.ceil(Math.max(a.x, b.x) + radius),
    bottom: Math.ceil(Math.max(a.y, b.y) + radius),
  });
  for (let y = rect.top; y < rect.bottom; y++) {
    const [left, right] = strokeSpan(a, b, radius, y + 0.5);
    fillRow(draft, y, Math.ceil(left - 0.5 - TOUCH), Math.floor(right - 0.5 + TOUCH) + 1, label);
  }
  return rect;
}

/** From where to where a stroke covers a horizontal line: it is convex, so there is one span, maybe none. */
function strokeSpan(a: Point, b: Point, radius: number, y: number): [left: number, right: number] {
  let [left, right] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const end of [a, b]) {
    const half = Math.sqrt(radius * radius + TOUCH - (y - end.y) ** 2); // NaN beyond the brush
    if (Number.isNaN(half)) continue;
    [left, right] = [Math.min(left, end.x - half), Math.max(right, end.x + half)];
  }
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = Math.hypot(dx, dy);
  if (length > 0) {
    const [nx, ny] = [(-dy / length) * radius, (dx / length) * radius];
    const sides = [
      { x: a.x + nx, y: a.y + ny },
      { x: b.x + nx, y: b.y + ny },
      { x: b.x - nx, y: b.y - ny },
      { x: a.x - nx, y: a.y - ny },
    ];
    for (const { x } of crossings(sides, y)) [left, right] = [Math.min(left, x), Math.max(right, x)];
  }
  return [left, right];
}

/** Where a closed polygon crosses a horizontal line, from left to right; `turn` is 1 downwards, -1 upwards. */
function crossings(polygon: readonly Point[], y: number): { x: number; turn: number }[] {
  const found: { x: number; turn: number }[] = [];
  let last = polygon.at(-1);
  for (const point of polygon) {
    if (last && last.y <= y !== point.y <= y) {
      const x = last.x + ((y - last.y) / (point.y - last.y)) * (point.x - last.x);
      found.push({ x, turn: last.y <= y ? 1 : -1 });
    }
    last = point;
  }
  return found.sort((a, b) => a.x - b.x);
}

/**
 * Paint what a lasso goes round into a draft: all pixels whose middle it winds round, so that where it crosses
 * itself, loops and overlaps are inside as well. Returns what may have changed.
 */
export function paintPolygon(draft: LabelRaster, polygon: readonly Point[], label: number): Rect {
  const [xs, ys] = [polygon.map(({ x }) => x), polygon.map(({ y }) => y)];
  const rect = within(draft, {
    left: Math.floor(least(xs)),
    top: Math.floor(least(ys)),
    right: Math.ceil(-least(xs.map((x) => -x))),
    bottom: Math.ceil(-least(ys.map((y) => -y))),
  });
  for (let y = rect.top; y < rect.bottom; y++) {
    let [winding, left] = [0, 0];
    for (const { x, turn } of crossings(polygon, y + 0.5)) {
      if (winding === 0) left = x;
      winding += turn;
      if (winding === 0) fillRow(draft, y, Math.ceil(left - 0.5), Math.ceil(x - 0.5), label);
    }
  }
  return rect;
}

/**
 * Paint the patch of one label round a pixel into a draft: pixels that share a side, not a corner, hang together.
 * Returns what may have changed.
 */
export function paintPatch(draft: LabelRaster, { x, y }: Point, label: number): Rect {
  const { width, height, labels } = draft;
  const old = labelAt(draft, x, y);
  if (old === null || old === label) return NOTHING;
  const isOld = (px: number, py: number) => py >= 0 && py < height && labels[py * width + px] === old;
  let rect = NOTHING;
  const seeds: [x: number, y: number][] = [[Math.floor(x), Math.floor(y)]];
  for (let seed = seeds.pop(); seed; seed = seeds.pop()) {
    const [seedX, row] = seed;
    if (!isOld(seedX, row)) continue;
    let [left, right] = [seedX, seedX + 1];
    while (left > 0 && isOld(left - 1, row)) left--;
    while (right < width && isOld(right, row)) right++;
    fillRow(draft, row, left, right, label);
    rect = union(rect, { left, top: row, right, bottom: row + 1 });
    for (const next of [row - 1, row + 1]) {
      for (let at = left; at < right; at++) {
        if (isOld(at, next) && !(at > left && isOld(at - 1, next))) seeds.push([at, next]);
      }
    }
  }
  return rect;
}

/** A rectangle without pixels. */
export const NOTHING: Rect = { left: 0, top: 0, right: 0, bottom: 0 };

/** Whether a rectangle has no pixels. */
export function isEmpty({ left, top, right, bottom }: Rect): boolean {
  return right <= left || bottom <= top;
}

/** The smallest rectangle round two. */
export function union(a: Rect, b: Rect): Rect {
  if (isEmpty(a) || isEmpty(b)) return isEmpty(a) ? b : a;
  return {
    left: Math.min(a.left, b.left),
    top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right),
    bottom: Math.max(a.bottom, b.bottom),
  };
}

function within({ width, height }: LabelRaster, { left, top, right, bottom }: Rect): Rect {
  return {
    left: Math.max(left, 0),
    top: Math.max(top, 0),
    right: Math.min(right, width),
    bottom: Math.min(bottom, height),
  };
}

function fillRow({ width, labels }: LabelRaster, y: number, from: number, to: number, label: number): void {
  const [left, right] = [Math.max(from, 0), Math.min(to, width)];
  if (left < right) labels.fill(label, y * width + left, y * width + right);
}

/** As Math.min, but for lists of any length. */
function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
}
