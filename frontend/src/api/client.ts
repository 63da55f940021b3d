import createFetch from "openapi-fetch";
import { ProblemError } from "./problem";
import type { paths } from "./schema";
import type {
  EditRequest,
  Example,
  GenerateRequest,
  JobStatus,
  Models,
  Parsed,
  Result,
  ResultFile,
  Results,
} from "./types";

/** The studio's API as the page uses it. Every method throws ProblemError and nothing else. */
export interface Client {
  models(): Promise<Models>;
  examples(): Promise<Example[]>;
  exampleMask(name: string): Promise<Uint8Array<ArrayBuffer>>;
  /** A mask file of any kind, as a palette PNG of region ids. */
  readMask(file: Blob, order: string): Promise<Uint8Array<ArrayBuffer>>;
  /** A photograph's mask; `align` looks for the largest face and cuts it out first. */
  parse(photo: Blob, align: boolean): Promise<Parsed>;
  generate(request: GenerateRequest): Promise<JobStatus[]>;
  edit(request: EditRequest): Promise<JobStatus[]>;
  jobs(): Promise<JobStatus[]>;
  cancel(id: string): Promise<JobStatus>;
  /** A page of finished pictures, newest first; `before` is the `next` of the page before. */
  results(before: string | null): Promise<Results>;
  result(id: string): Promise<Result>;
  removeResult(id: string): Promise<void>;
  resultFile(id: string, file: ResultFile): Promise<Uint8Array<ArrayBuffer>>;
  /** Where an `<img>` finds a result's file. */
  resultUrl(id: string, file: ResultFile): string;
  /** Where a browser finds the whole request of a result. */
  requestUrl(id: string): string;
  /** Where an `<img>` finds a running job's preview; the step keeps browsers from showing an old one. */
  previewUrl(id: string, step: number): string;
  exampleUrl(name: string): string;
  eventsUrl(): string;
  /** Seconds for which a cookie now lets browsers read pictures and events. */
  newSession(): Promise<number>;
}

export interface ClientOptions {
  /** Where the server is; nothing for the page's own. */
  baseUrl?: string;
  /** What the studio was started with, asked before each request; null for none. */
  token?: () => string | null;
  fetch?: (request: Request) => Promise<Response>;
}

const PREFIX = "/api/v1";
const RESULTS_A_PAGE = 30;

/** A client of the studio at `baseUrl`. */
export function createClient({ baseUrl = "", token = () => null, fetch }: ClientOptions = {}): Client {
  const api = createFetch<paths>({ baseUrl, ...(fetch && { fetch }) });
  api.use({
    onRequest({ request }) {
      const known = token();
      if (known !== null) request.headers.set("Authorization", `Bearer ${known}`);
    },
  });

  async function bytes(asked: Promise<Answer<ArrayBuffer>>): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await answered(asked));
  }

  return {
    models: () => answered(api.GET(`${PREFIX}/models`)),
    examples: async () => (await answered(api.GET(`${PREFIX}/examples`))).examples,
    exampleMask: (name) =>
      bytes(api.GET(`${PREFIX}/examples/{name}`, { params: { path: { name } }, parseAs: "arrayBuffer" })),
    readMask: (file, order) =>
      bytes(
        api.POST(`${PREFIX}/masks`, { params: { query: { order } }, parseAs: "arrayBuffer", ...sent(file) }),
      ),
    parse: (photo, align) =>
      answered(api.POST(`${PREFIX}/parse`, { params: { query: { align } }, ...sent(photo) })),
    generate: async (body) => (await answered(api.POST(`${PREFIX}/generate`, { body }))).jobs,
    edit: async (body) => (await answered(api.POST(`${PREFIX}/edit`, { body }))).jobs,
    jobs: async () => (await answered(api.GET(`${PREFIX}/jobs`))).jobs,
    cancel: (id) => answered(api.DELETE(`${PREFIX}/jobs/{id}`, { params: { path: { id } } })),
    results: (before) =>
      answered(api.GET(`${PREFIX}/results`, { params: { query: { limit: RESULTS_A_PAGE, before } } })),
    result: (id) => answered(api.GET(`${PREFIX}/results/{id}`, { params: { path: { id } } })),
    removeResult: async (id) => {
      await answered(api.DELETE(`${PREFIX}/results/{id}`, { params: { path: { id } } }));
    },
    resultFile: (id, file) =>
      bytes(api.GET(`${PREFIX}/results/{id}/${file}`, { params: { path: { id } }, parseAs: "arrayBuffer" })),
    resultUrl: (id, file) => `${baseUrl}${PREFIX}/results/${id}/${file}`,
    requestUrl: (id) => `${baseUrl}${PREFIX}/results/${id}`,
    previewUrl: (id, step) => `${baseUrl}${PREFIX}/jobs/${id}/preview?step=${step}`,
    exampleUrl: (name) => `${baseUrl}${PREFIX}/examples/${encodeURIComponent(name)}`,
    eventsUrl: () => `${baseUrl}${PREFIX}/events`,
    newSession: async () => (await answered(api.POST(`${PREFIX}/session`))).seconds,
  };
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

async function answered<T>(asked: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await asked.catch(() => {
    throw new ProblemError(0, "the studio does not answer; is it still running?");
  });
  if (!response.ok) throw ProblemError.of(response, error);
  return data as T;
}

/** A file as the whole body. The OpenAPI document has no type for bytes but string. */
function sent(file: Blob) {
  return {
    body: file as unknown as string,
    bodySerializer: () => file,
    headers: { "Content-Type": file.type.startsWith("image/") ? file.type : "application/octet-stream" },
  };
}
