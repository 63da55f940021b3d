import { batch, computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { fromBase64, toBase64 } from "../api/base64";
import type { Client } from "../api/client";
import { ProblemError } from "../api/problem";
import type { Result } from "../api/types";
import type { Editor } from "../editor/editor";
import { createRaster, type LabelRaster } from "../mask/label-raster";
import { decodeMask, encodeMask } from "../mask/png";
import { editMemory, type KeptEdit } from "./edit-memory";
import type { Notices } from "./notices";
import { drawSeed, type EditSettings, type FaceRequest, NEW_EDIT, requestOf } from "./request";
import { requestMemory } from "./request-memory";
import type { EditSource, Part, Work } from "./studio";

/** What is being worked on, and the ways to begin with something else. */
export interface Desk {
  readonly request: ReadonlySignal<FaceRequest>;
  readonly source: Signal<EditSource | null>;
  readonly edit: Signal<EditSettings>;
  readonly opening: ReadonlySignal<boolean>;
  change(part: Partial<FaceRequest>): void;
  /** Draw the seed to send now, unless it is locked. */
  takeSeed(): void;
  /** All of it as it is now; nothing in it is ever written into. */
  current(): Work;
  begin(work: Work, what: string): void;
  restore(result: Result): Promise<void>;
  editResult(result: Result): Promise<void>;
  editPhoto(photo: Blob, mask: LabelRaster): Promise<void>;
  /** Go on with the edit that the page was left in; the mask is kept anyhow. */
  resumeEdit(): Promise<void>;
  leaveEdit(): void;
  /** End the edit of a result that is no more. */
  forget(result: Result): void;
}

/** What an edit starts from, and its picture to lie under the mask. */
interface Opened {
  readonly source: EditSource;
  readonly photo: ImageBitmap;
}

/** A desk with the request of last time. A beginning brings the mask into view. */
export function createDesk(client: Client, editor: Editor, notices: Notices, part: Signal<Part>): Desk {
  const request = signal(requestMemory.read());
  const source = signal<EditSource | null>(null);
  const edit = signal(NEW_EDIT);
  const opening = signal(false);
  let turn = 0; // of beginnings: what was fetched for one that another overtook is not wanted any more

  let leftEdit = editMemory.read(); // until it is resumed

  const keptMask = computed(() =>
    source.value?.kind === "result" ? toBase64(encodeMask(source.value.oldMask)) : null,
  );

  effect(() => requestMemory.keep(request.value));
  effect(() => {
    const from = source.value;
    if (from === null) {
      if (leftEdit === null) editMemory.keep(null);
      return;
    }
    leftEdit = null; // another edit is begun
    const result = from.kind === "result" ? from.result.id : null;
    editMemory.keep({ result, oldMask: keptMask.value, edit: edit.value });
  });

  function change(part: Partial<FaceRequest>): void {
    request.value = { ...request.peek(), ...part };
  }

  function current(): Work {
    return {
      raster: editor.raster.peek(),
      photo: editor.photo.peek(),
      request: request.peek(),
      source: source.peek(),
      edit: edit.peek(),
    };
  }

  function show(work: Work): void {
    const from = work.source ?? null;
    const isOther = from !== source.peek() && work.raster !== editor.raster.peek();
    turn += 1;
    if (from === null && leftEdit !== null) {
      leftEdit = null; // what could not be resumed is not wanted any more
      editMemory.keep(null);
    }
    batch(() => {
      if (isOther)
        editor.open(work.raster); // undoing must not lay one picture's mask over another
      else editor.replace(work.raster);
      editor.setPhoto(work.photo ?? null);
      source.value = from;
      edit.value = work.edit ?? NEW_EDIT;
      if (work.request) change(work.request);
      opening.value = false;
      notices.clear();
    });
  }

  function turnTo(work: Work, what: string): void {
    const before = current();
    show(work);
    notices.tell(what, { label: "Go back", run: () => turnTo(before, "It is as it was before.") });
  }

  function begin(work: Work, what: string): void {
    turnTo(work, what);
    part.value = "mask";
  }

  async function fetchAndBegin(fetch: () => Promise<[Work, string]>, failure: string): Promise<void> {
    turn += 1;
    const mine = turn;
    opening.value = true;
    try {
      const fetched = await fetch();
      if (mine === turn) begin(...fetched);
    } catch (error) {
      if (mine !== turn) return;
      opening.value = false;
      notices.report(failure, error);
    }
  }

  async function maskOf(result: Result): Promise<LabelRaster | null> {
    return result.mask ? decodeMask(await client.resultFile(result.id, "mask.png")) : null;
  }

  async function openResult(result: Result, known: LabelRaster | null = null): Promise<Opened> {
    const picture = pngOf(await client.resultFile(result.id, "picture.png"));
    const oldMask =
      known ?? (await maskOf(result)) ?? decodeMask(fromBase64((await client.parse(picture, false)).mask));
    return { source: { kind: "result", result, oldMask }, photo: await createImageBitmap(picture) };
  }

  async function openPhoto(blob: Blob, oldMask: LabelRaster): Promise<Opened> {
    return { source: { kind: "photo", blob, oldMask }, photo: await createImageBitmap(blob) };
  }

  /** What an edit was made from, null if that is not kept. */
  async function originalOf(result: Result, source: string | null): Promise<Opened | null> {
    const oldMask = await client.resultFile(result.id, "old_mask.png").then(decodeMask, nullIfMissing);
    if (source === null) {
      const photo = await client.resultFile(result.id, "original.png").catch(nullIfMissing);
      return photo && oldMask && openPhoto(pngOf(photo), oldMask);
    }
    const original = await client.result(source).catch(nullIfMissing);
    return original && openResult(original, oldMask);
  }

  async function restored(result: Result): Promise<[Work, string]> {
    const { width, height } = editor.raster.peek();
    const raster = (await maskOf(result)) ?? createRaster(width, height);
    const work = { raster, request: requestOf(result) };
    if (result.edit === null) return [work, `Everything is as it was for seed ${result.seed}.`];
    const { source, regions, depth, border } = result.edit;
    const opened = await originalOf(result, source);
    if (opened === null)
      return [
        work,
        `Mask and words are as they were for seed ${result.seed}; the picture it was made from is not kept.`,
      ];
    return [
      { ...work, ...opened, edit: { regions, depth, border } },
      `Everything is as it was for the edit with seed ${result.seed}.`,
    ];
  }

  async function reopen({ result, oldMask }: KeptEdit): Promise<Opened | null> {
    if (result === null || oldMask === null) return null;
    return openResult(await client.result(result), decodeMask(fromBase64(oldMask)));
  }

  async function resumeEdit(): Promise<void> {
    const left = leftEdit;
    if (left === null) return;
    const mine = turn;
    const opened = await reopen(left).catch(nullIfMissing);
    if (mine !== turn) return;
    leftEdit = null;
    if (opened) {
      const { width, height } = opened.source.oldMask;
      // A blank mask is not kept, and with it not its size.
      const raster = editor.isBlank.peek() ? createRaster(width, height) : editor.raster.peek();
      editor.open(raster);
      show({ ...opened, raster, edit: left.edit });
      return;
    }
    editMemory.keep(null);
    notices.tell(
      left.result === null
        ? "Open the photograph again to go on with its edit; mask and words are still here."
        : "The picture that was edited is no more; mask and words are still here.",
    );
  }

  return {
    request,
    source,
    edit,
    opening,
    change,
    takeSeed() {
      if (!request.peek().seedLocked) change({ seed: drawSeed() });
    },
    current,
    begin,
    restore: (result) => fetchAndBegin(() => restored(result), "The request could not be restored"),
    editResult: (result) =>
      fetchAndBegin(async () => {
        const opened = await openResult(result);
        const request = { ...requestOf(result), seedLocked: false };
        return [
          { ...opened, raster: opened.source.oldMask, request },
          `Seed ${result.seed} lies under the mask: change the mask, or choose regions and new words.`,
        ];
      }, "The picture could not be opened"),
    async editPhoto(photo, mask) {
      begin(
        { ...(await openPhoto(photo, mask)), raster: mask, request: { seedLocked: false, count: 1 } },
        "The photograph lies under the mask: change the mask, or choose regions and new words.",
      );
    },
    resumeEdit: () => resumeEdit().catch((error) => notices.report("The edit could not be resumed", error)),
    leaveEdit: () => turnTo({ raster: editor.raster.peek() }, "The edit is left; mask and words stay."),
    forget(result) {
      const edited = source.peek();
      if (edited?.kind !== "result" || edited.result.id !== result.id) return;
      show({ raster: editor.raster.peek() });
      notices.tell("What was edited is deleted; its mask and the words stay.");
    },
  };
}

function pngOf(bytes: Uint8Array<ArrayBuffer>): Blob {
  return new Blob([bytes], { type: "image/png" });
}

function nullIfMissing(error: unknown): null {
  if (error instanceof ProblemError && error.status === 404) return null;
  throw error;
}
