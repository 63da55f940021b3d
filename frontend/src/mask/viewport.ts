import type { Point } from "./paint";

/** How a raster lies on the screen: a label pixel is `zoom` screen pixels wide, its corner (0, 0) is at (x, y). */
export interface Viewport {
  readonly zoom: number;
  readonly x: number;
  readonly y: number;
}

/** Width and height, of a raster or of the stage it is shown on. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

const [MIN_ZOOM, MAX_ZOOM] = [0.05, 64];

/** Screen pixels that stay free round a raster that is fitted, and of it in sight wherever it is panned. */
const MARGIN = 16;

/** Where a place on the screen is on the raster. */
export function toLabels({ zoom, x, y }: Viewport, screen: Point): Point {
  return { x: (screen.x - x) / zoom, y: (screen.y - y) / zoom };
}

/** Where a place on the raster is on the screen. */
export function toScreen({ zoom, x, y }: Viewport, label: Point): Point {
  return { x: label.x * zoom + x, y: label.y * zoom + y };
}

/** All of a raster, as large as the stage allows, in its middle. */
export function fitViewport(raster: Size, stage: Size): Viewport {
  const zoom = clamp(
    Math.min((stage.width - 2 * MARGIN) / raster.width, (stage.height - 2 * MARGIN) / raster.height),
    MIN_ZOOM,
    MAX_ZOOM,
  );
  return {
    zoom,
    x: (stage.width - raster.width * zoom) / 2,
    y: (stage.height - raster.height * zoom) / 2,
  };
}

/** Zoomed by a factor; what is at `screen` stays there. */
export function zoomAt(viewport: Viewport, screen: Point, factor: number): Viewport {
  const zoom = clamp(viewport.zoom * factor, MIN_ZOOM, MAX_ZOOM);
  const fixed = toLabels(viewport, screen);
  return { zoom, x: screen.x - fixed.x * zoom, y: screen.y - fixed.y * zoom };
}

/** Moved over the screen. */
export function pan(viewport: Viewport, dx: number, dy: number): Viewport {
  return { ...viewport, x: viewport.x + dx, y: viewport.y + dy };
}

/** Two fingers moved from `before` to `now`: the raster goes with them, and grows as they part. */
export function pinch(
  viewport: Viewport,
  before: readonly [Point, Point],
  now: readonly [Point, Point],
): Viewport {
  const [from, to] = [middle(before), middle(now)];
  const factor = distance(now) / Math.max(distance(before), 1);
  return zoomAt(pan(viewport, to.x - from.x, to.y - from.y), to, factor);
}

/** Moved back so far that some of the raster is in sight. */
export function keepInSight(viewport: Viewport, raster: Size, stage: Size): Viewport {
  const { zoom, x, y } = viewport;
  return {
    zoom,
    x: clamp(x, MARGIN - raster.width * zoom, stage.width - MARGIN),
    y: clamp(y, MARGIN - raster.height * zoom, stage.height - MARGIN),
  };
}

function middle([a, b]: readonly [Point, Point]): Point {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

function distance([a, b]: readonly [Point, Point]): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
