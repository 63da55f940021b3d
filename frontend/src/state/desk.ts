import { batch, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { fromBase64 } from "../api/base64";
import type { Client } from "../api/client";
import type { Result } from "../api/types";
import type { Editor } from "../editor/editor";
import { createRaster, type LabelRaster } from "../mask/label-raster";
import { decodeMask } from "../mask/png";
import type { Notices } from "./notices";
import { drawSeed, type EditSettings, type FaceRequest, NEW_EDIT, requestOf } from "./request";
import { requestMemory } from "./request-memory";
import type { EditSource, Part, Work } from "./studio";

/** What is being worked on, and the ways to begin with something else. */
export interface Desk {
  readonly request: ReadonlySignal<FaceRequest>;
  readonly source: Signal<EditSource | null>;
  readonly edit: Signal<EditSettings>;
  change(part: Partial<FaceRequest>): void;
  takeSeed(): number;
  /** All of it as it is now; nothing in it is ever written into. */
  current(): Work;
  begin(work: Work, what: string): void;
  restore(result: Result): Promise<void>;
  editResult(result: Result): Promise<void>;
  editPhoto(photo: Blob, mask: LabelRaster): Promise<void>;
  leaveEdit(): void;
}

/** A desk with the request of last time. A beginning brings the mask into view. */
export function createDesk(client: Client, editor: Editor, notices: Notices, part: Signal<Part>): Desk {
  const request = signal(requestMemory.read());
  const source = signal<EditSource | null>(null);
  const edit = signal(NEW_EDIT);

  effect(() => requestMemory.keep(request.value));

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
    batch(() => {
      editor.replace(work.raster);
      editor.setPhoto(work.photo ?? null);
      source.value = work.source ?? null;
      edit.value = work.edit ?? NEW_EDIT;
      if (work.request) change(work.request);
    });
  }

  function begin(work: Work, what: string): void {
    const before = current();
    show(work);
    part.value = "mask";
    notices.tell(what, { label: "Go back", run: () => show(before) });
  }

  async function maskOf(result: Result): Promise<LabelRaster | null> {
    return result.mask ? decodeMask(await client.resultFile(result.id, "mask.png")) : null;
  }

  /** A result as what an edit starts from, and its picture to lie under the mask. */
  async function open(result: Result): Promise<{ source: EditSource; photo: ImageBitmap }> {
    const picture = new Blob([await client.resultFile(result.id, "picture.png")], { type: "image/png" });
    const oldMask =
      (await maskOf(result)) ?? decodeMask(fromBase64((await client.parse(picture, false)).mask));
    return { source: { kind: "result", result, oldMask }, photo: await createImageBitmap(picture) };
  }

  async function restored(result: Result): Promise<[Work, string]> {
    const { width, height } = editor.raster.peek();
    const raster = (await maskOf(result)) ?? createRaster(width, height);
    const work = { raster, request: requestOf(result) };
    if (result.edit === null) return [work, `Everything is as it was for seed ${result.seed}.`];
    const { source: id, regions, depth, border } = result.edit;
    const original = id === null ? null : await client.result(id).catch(() => null);
    if (original === null)
      return [
        work,
        `Mask and words are as they were for seed ${result.seed}; the picture it was made from is not kept.`,
      ];
    const opened = await open(original);
    return [
      { ...work, ...opened, edit: { regions, depth, border } },
      `Everything is as it was for the edit with seed ${result.seed}.`,
    ];
  }

  return {
    request,
    source,
    edit,
    change,
    takeSeed() {
      if (!request.peek().seedLocked) change({ seed: drawSeed() });
      return request.peek().seed;
    },
    current,
    begin,
    async restore(result) {
      try {
        begin(...(await restored(result)));
      } catch (error) {
        notices.report("The request could not be restored", error);
      }
    },
    async editResult(result) {
      try {
        const opened = await open(result);
        begin(
          { ...opened, raster: opened.source.oldMask, request: { ...requestOf(result), seedLocked: false } },
          `Seed ${result.seed} lies under the mask: change the mask or the words.`,
        );
      } catch (error) {
        notices.report("The picture could not be opened", error);
      }
    },
    async editPhoto(photo, mask) {
      const bitmap = await createImageBitmap(photo);
      begin(
        { raster: mask, photo: bitmap, source: { kind: "photo", blob: photo, oldMask: mask } },
        "The photograph lies under the mask: change the mask or say new words.",
      );
    },
    leaveEdit() {
      batch(() => {
        source.value = null;
        edit.value = NEW_EDIT;
        editor.setPhoto(null);
      });
    },
  };
}
