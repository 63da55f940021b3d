import { createClient } from "../src/api/client";
import type { JobStatus, Model, Result } from "../src/api/types";
import { createRaster, type LabelRaster } from "../src/mask/label-raster";
import { createStudio } from "../src/state/create-studio";

export const MODEL: Model = {
  name: "mini",
  fingerprint: "83da4501426da26c",
  size: 128,
  steps: 12,
  guidance: 2,
  gates: true,
};

const REGIONS = ["background", "skin", "nose", "eye_glasses", "left_eye", "right_eye"].map((name, id) => ({
  id,
  name,
  color: `#0000${id}0`,
  mirrored: id,
}));

/** A job as the API tells it. */
export function job(id: string, part: Partial<JobStatus> = {}): JobStatus {
  return {
    id,
    state: "queued",
    prompt: "a man",
    seed: 1,
    step: 0,
    steps: 12,
    position: 0,
    preview: null,
    warnings: [],
    error: null,
    ...part,
  };
}

/** A mask with something painted that has no symmetry. */
export function painted(width = 6, height = 4): LabelRaster {
  const raster = createRaster(width, height);
  raster.labels.forEach((_, at) => {
    raster.labels[at] = (at * 7) % 19;
  });
  return raster;
}

/** A result as the API tells it. */
export function result(id: string, part: Partial<Result> = {}): Result {
  return {
    id,
    created: "2026-01-02T03:04:05Z",
    version: "0.1.0",
    model: "mini",
    fingerprint: MODEL.fingerprint,
    prompt: "a man",
    seed: 1,
    height: 128,
    width: 128,
    steps: 12,
    guidance: 2,
    mask_strength: 1,
    region_strength: {},
    mask_window: null,
    mask: false,
    gates: null,
    edit: null,
    warnings: [],
    ...part,
  };
}

/** What the page asked: method and path, and the body if it was JSON. */
export interface Asked {
  what: string;
  authorization: string | null;
  body: unknown;
}

/** Answers of the studio by "METHOD /path", below /api/v1 and without the query; Response for anything but 200. */
export type Answers = Record<string, unknown>;

/** A client of a server that gives these answers, and what it was asked. */
export function serve(answers: Answers, token: string | null = null) {
  const asked: Asked[] = [];
  const known: Answers = {
    "GET /models": { models: [MODEL], regions: REGIONS, class_orders: ["CelebAMask-HQ"] },
    "GET /results": { results: [], next: null },
    "GET /jobs": { jobs: [] },
    ...answers,
  };
  const client = createClient({
    baseUrl: "http://localhost",
    token: () => token,
    async fetch(request) {
      const what = `${request.method} ${new URL(request.url).pathname.replace("/api/v1", "")}`;
      const isJson = request.headers.get("Content-Type") === "application/json";
      asked.push({
        what,
        authorization: request.headers.get("Authorization"),
        body: isJson ? await request.json() : null,
      });
      const answer = (await known[what]) ?? problem(404, `there is no ${what}`);
      if (answer instanceof Response) return answer.clone();
      if (answer instanceof Uint8Array) return new Response(new Uint8Array(answer));
      return Response.json(answer);
    },
  });
  return { client, asked, answers: known };
}

/** An error as the studio words it. */
export function problem(
  status: number,
  detail: string,
  errors: { field: string; detail: string }[] = [],
  headers: Record<string, string> = {},
): Response {
  return new Response(JSON.stringify({ type: "about:blank", title: "", status, detail, errors }), {
    status,
    headers: { "Content-Type": "application/problem+json", ...headers },
  });
}

/** Stands for the browser's EventSource, which the test environment lacks. */
export class Events extends EventTarget {
  static readonly CLOSED = 2;
  static opened: Events[] = [];
  readyState = 1;

  constructor(readonly url: string) {
    super();
    Events.opened.push(this);
  }

  /** The newest stream. */
  static get last(): Events {
    const last = Events.opened.at(-1);
    if (!last) throw new Error("no stream was opened");
    return last;
  }

  tell(told: JobStatus): void {
    this.dispatchEvent(new MessageEvent("job", { data: JSON.stringify(told) }));
  }

  close(): void {
    this.readyState = Events.CLOSED;
  }
}

/** A studio that was started against these answers. */
export async function openStudio(answers: Answers = {}) {
  const served = serve(answers);
  let token: string | null = null;
  const studio = createStudio(served.client, {
    get: () => token,
    set: (given) => {
      token = given;
    },
  });
  await studio.start();
  return { ...served, studio };
}
