import type { GenerateRequest, Model, Result } from "../api/types";

/** What a face is asked for with, all but its mask. null leaves a value to the model. */
export interface FaceRequest {
  readonly caption: string;
  readonly seed: number;
  /** Whether the same seed is used again; if not, a new one is drawn before each request. */
  readonly seedLocked: boolean;
  readonly count: number;
  readonly steps: number | null;
  readonly guidance: number | null;
  readonly maskStrength: number | null;
  /** Only regions that differ from 1, by name. */
  readonly regionStrength: Readonly<Record<string, number>>;
  /** Times [high, low] between which the mask acts, 1 is noise; null for always. */
  readonly maskWindow: readonly [number, number] | null;
  readonly size: { readonly height: number; readonly width: number } | null;
  readonly gates: boolean;
}

/** How an edit is made, all but the request's own words and numbers. */
export interface EditSettings {
  /** What is drawn anew; null for where the masks differ. */
  readonly regions: readonly string[] | null;
  /** The noise to start from: 1 is all, less keeps more. */
  readonly depth: number;
  /** Pixels over which new fades into old; null leaves it to the studio. */
  readonly border: number | null;
}

export const NEW_REQUEST: FaceRequest = {
  caption: "",
  seed: 0,
  seedLocked: false,
  count: 1,
  steps: null,
  guidance: null,
  maskStrength: null,
  regionStrength: {},
  maskWindow: null,
  size: null,
  gates: false,
};

export const NEW_EDIT: EditSettings = { regions: null, depth: 1, border: null };

/** The largest that the API takes. */
export const MAX_SEED = Number.MAX_SAFE_INTEGER;

/** Steps from one preview to the next. */
export const PREVIEW_EVERY = 3;

/** Seeds that are drawn stay short enough to read and to say. */
export function drawSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}

/** The part of the API's requests that generating and editing have in common. */
export function sampling(request: FaceRequest) {
  const strengths = Object.entries(request.regionStrength).filter(([, strength]) => strength !== 1);
  return {
    prompt: request.caption.trim() || null,
    seed: request.seed,
    count: request.count,
    steps: request.steps,
    guidance: request.guidance,
    mask_strength: request.maskStrength,
    region_strength: Object.fromEntries(strengths),
    mask_window: request.maskWindow && [...request.maskWindow],
    preview_every: PREVIEW_EVERY,
  };
}

/** What the API is sent. `mask`: base64, null when nothing is painted, and then no gates can be kept. */
export function generateRequest(
  request: FaceRequest,
  mask: string | null,
  model: Model | null,
): GenerateRequest {
  return {
    ...sampling(request),
    mask,
    height: request.size?.height ?? null,
    width: request.size?.width ?? null,
    gates: request.gates && mask !== null && (model?.gates ?? false),
  };
}

/** The request that makes a finished picture again: every field as it was, its seed locked. */
export function requestOf(result: Result): FaceRequest {
  const [high, low] = result.mask_window ?? [];
  return {
    caption: result.prompt ?? "",
    seed: result.seed,
    seedLocked: true,
    count: 1,
    steps: result.steps,
    guidance: result.guidance,
    maskStrength: result.mask_strength,
    regionStrength: result.region_strength,
    maskWindow: high === undefined || low === undefined ? null : [high, low],
    size: { height: result.height, width: result.width },
    gates: result.gates !== null,
  };
}
