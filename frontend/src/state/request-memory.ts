import { createMemory } from "./memory";
import { type FaceRequest, NEW_REQUEST } from "./request";

/** The request as it was when the page was last open; what is not as it must be is as in a new one. */
export const requestMemory = createMemory<FaceRequest>("facemogle.request", parseRequest);

/** A request of anything: each field that has its type, the others as in a new one. */
export function parseRequest(kept: unknown): FaceRequest {
  if (!isObject(kept)) return NEW_REQUEST;
  return {
    caption: typeof kept.caption === "string" ? kept.caption : NEW_REQUEST.caption,
    seed: Number.isSafeInteger(kept.seed) ? Math.abs(kept.seed as number) : NEW_REQUEST.seed,
    seedLocked: kept.seedLocked === true,
    count: number(kept.count) ?? NEW_REQUEST.count,
    steps: number(kept.steps),
    guidance: number(kept.guidance),
    maskStrength: number(kept.maskStrength),
    regionStrength: strengths(kept.regionStrength),
    maskWindow: window(kept.maskWindow),
    size: size(kept.size),
    gates: kept.gates === true,
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function strengths(value: unknown): Record<string, number> {
  if (!isObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, number] => number(entry[1]) !== null),
  );
}

function window(value: unknown): readonly [number, number] | null {
  if (!Array.isArray(value)) return null;
  const [high, low] = [number(value[0]), number(value[1])];
  return high === null || low === null ? null : [high, low];
}

function size(value: unknown): FaceRequest["size"] {
  if (!isObject(value)) return null;
  const [height, width] = [number(value.height), number(value.width)];
  return height === null || width === null ? null : { height, width };
}
