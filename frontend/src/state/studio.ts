import type { ReadonlySignal, Signal } from "@preact/signals";
import type { Client } from "../api/client";
import type { EditRequest, JobStatus, Model, Region, Result } from "../api/types";
import type { EditPlan } from "../edit/edit-plan";
import type { Editor } from "../editor/editor";
import type { LabelRaster } from "../mask/label-raster";
import type { Notice } from "./notices";
import type { EditSettings, FaceRequest } from "./request";

/** The picture that an edit starts from, and its mask as it is. */
export type EditSource =
  | { readonly kind: "result"; readonly result: Result; readonly oldMask: LabelRaster }
  | { readonly kind: "photo"; readonly blob: Blob; readonly oldMask: LabelRaster };

/** What is being worked on; what is left out stays as it is, but photo and source, which end. */
export interface Work {
  readonly raster: LabelRaster;
  readonly photo?: ImageBitmap | null;
  readonly request?: Partial<FaceRequest>;
  readonly source?: EditSource | null;
  readonly edit?: EditSettings;
}

/** Whether the page can work: what it lacks is the token, or the studio. */
export type Phase = "starting" | "locked" | "unreachable" | "ready";

/** The parts of the page; where not all have room, one is looked at. */
export type Part = "mask" | "words" | "faces";

/** All that the page knows and can do; panels get it as their prop `studio`. */
export interface Studio {
  readonly client: Client;
  readonly editor: Editor;

  readonly phase: ReadonlySignal<Phase>;
  /** Whether jobs are heard of; if not, that is being tried again. */
  readonly connected: ReadonlySignal<boolean>;
  /** Get all that the page needs, again after a failure; with the token if it is given. */
  start(token?: string): Promise<void>;

  readonly model: ReadonlySignal<Model | null>;
  /** In the order of their ids; empty until they are known. */
  readonly regions: ReadonlySignal<readonly Region[]>;
  readonly classOrders: ReadonlySignal<readonly string[]>;

  readonly request: ReadonlySignal<FaceRequest>;
  change(part: Partial<FaceRequest>): void;

  /** What an edit starts from; null while faces are made from nothing. */
  readonly source: Signal<EditSource | null>;
  readonly edit: Signal<EditSettings>;
  /** What the edit would do as it is set up now; null while there is none. */
  readonly plan: ReadonlySignal<EditPlan | null>;
  /** Whether something else to work on is being fetched. */
  readonly opening: ReadonlySignal<boolean>;

  /** Newest first; failed ones stay until they are dismissed, done ones become results. */
  readonly jobs: ReadonlySignal<readonly JobStatus[]>;
  /** Whether a request is on its way to the queue. */
  readonly sending: ReadonlySignal<boolean>;

  /** Newest first, as far as they were loaded. */
  readonly results: ReadonlySignal<readonly Result[]>;
  readonly hasMoreResults: ReadonlySignal<boolean>;
  /** What is looked at where not all has room: the mask after a beginning, faces when some are on the way. */
  readonly part: Signal<Part>;
  /** The result that is looked at. */
  readonly selected: Signal<Result | null>;

  readonly notices: ReadonlySignal<readonly Notice[]>;

  /** Work on something else: load all of it at once. A notice tells `what` was done and offers the way back. */
  begin(work: Work, what: string): void;
  /** Queue faces from the request and what is painted; whether the studio took it. Problems are told as notices. */
  generate(): Promise<boolean>;
  /** The same for an edit; `ask` is called once a seed is drawn. */
  submitEdit(ask: () => Promise<EditRequest>): Promise<boolean>;
  cancel(job: JobStatus): Promise<void>;
  dismissJob(job: JobStatus): void;
  /** What a job was asked for with, if this page did; failed ones can begin again with it. */
  workOf(job: JobStatus): Work | null;

  loadMoreResults(): Promise<void>;
  /** Bring back every field of a result and its mask; for an edit, also what it started from. */
  restore(result: Result): Promise<void>;
  /** Begin to edit a result: its request, its mask, and the picture under it. */
  editResult(result: Result): Promise<void>;
  /** Begin to edit a photograph that was parsed: its mask, and the photograph under it. */
  editPhoto(photo: Blob, mask: LabelRaster): Promise<void>;
  /** Make faces from nothing again; mask and words stay. There is a way back. */
  leaveEdit(): void;
  removeResult(result: Result): Promise<void>;

  dismiss(notice: Notice): void;
  /** What is wrong with a field, in the studio's words; null if nothing is. */
  problemOf(field: string): string | null;
}
