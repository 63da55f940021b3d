import { batch, computed, signal } from "@preact/signals";
import { toBase64 } from "../api/base64";
import type { Client } from "../api/client";
import { followJobs } from "../api/events";
import { ProblemError } from "../api/problem";
import { createSession } from "../api/session";
import type { Token } from "../api/token";
import type { JobStatus, Models, Result } from "../api/types";
import { livePlan } from "../edit/live-plan";
import { createEditor } from "../editor/editor";
import { encodeMask } from "../mask/png";
import { createDesk } from "./desk";
import { keepDraft, readDraft } from "./draft";
import { createGallery } from "./gallery";
import { createJobList, isActive } from "./job-list";
import { createNotices } from "./notices";
import { generateRequest } from "./request";
import type { Part, Phase, Studio, Work } from "./studio";

const LOST = "the studio was started anew before this picture was made";

const WRONG_TOKEN = new ProblemError(401, "this is not its token", [
  { field: "token", detail: "This is not the studio's token." },
]);

/** A studio that talks to `client`; nothing is asked until it is started. */
export function createStudio(client: Client, token: Token): Studio {
  const editor = createEditor(readDraft() ?? undefined);
  const openCookie = createSession(client);
  const phase = signal<Phase>("starting");
  const connected = signal(true);
  const models = signal<Models | null>(null);
  const regions = computed(() => models.value?.regions ?? []);
  const sending = signal(false);
  const selected = signal<Result | null>(null);
  const part = signal<Part>("mask");
  const notices = createNotices();
  const desk = createDesk(client, editor, notices, part);
  const gallery = createGallery(client);
  const jobs = createJobList(finish);
  const works = new Map<string, Work>();
  let stopFollowing = () => {};

  keepDraft(editor);

  // -- start -------------------------------------------------------------------------------------------------

  async function openSession(): Promise<void> {
    if (token.get() !== null) await openCookie();
  }

  async function start(given?: string): Promise<void> {
    if (given !== undefined) token.set(given);
    phase.value = "starting";
    try {
      await openSession();
      [models.value] = await Promise.all([client.models(), gallery.load()]);
      notices.clear();
      await desk.resumeEdit();
      phase.value = "ready";
    } catch (error) {
      const locked = error instanceof ProblemError && error.status === 401;
      phase.value = locked ? "locked" : "unreachable";
      if (!locked) notices.report("The studio cannot be used", error);
      else if (given !== undefined) notices.report("The studio stays closed", WRONG_TOKEN);
      return;
    }
    selected.value ??= gallery.results.value[0] ?? null;
    stopFollowing();
    stopFollowing = followJobs(
      client.eventsUrl(),
      {
        onJob: jobs.accept,
        onOpen() {
          connected.value = true;
          catchUp().catch(() => undefined); // the stream tells if the studio is gone
        },
        onBroken() {
          connected.value = false;
        },
      },
      openSession,
    );
  }

  // -- jobs --------------------------------------------------------------------------------------------------

  /** Make up for what was not heard. */
  async function catchUp(): Promise<void> {
    const asked = jobs.all.value.filter(isActive); // a job that comes later may be missing in the answer
    const [told] = await Promise.all([client.jobs(), gallery.load()]);
    jobs.acceptAll(told);
    for (const job of asked) if (!told.some(({ id }) => id === job.id)) await judge(job);
  }

  /** The studio has forgotten a job: it is kept as a picture, or was lost with the studio's last run. */
  async function judge(job: JobStatus): Promise<void> {
    const isKept = await client.result(job.id).then(() => true, isNotMissing);
    jobs.accept({ ...job, ...(isKept ? { state: "done" } : { state: "failed", error: LOST }) });
  }

  async function finish(job: JobStatus): Promise<void> {
    const ours = works.delete(job.id);
    if (job.state === "cancelled") return;
    try {
      const result = await client.result(job.id);
      batch(() => {
        gallery.add(result);
        if (ours || selected.value === null) selected.value = result; // others' faces come quietly
      });
    } catch (error) {
      notices.report("A finished picture could not be shown", error);
    }
  }

  async function submit(ask: () => Promise<JobStatus[]>, failure: string): Promise<boolean> {
    if (sending.value) return false;
    sending.value = true;
    notices.clear();
    desk.takeSeed();
    const work = desk.current();
    try {
      const taken = await ask();
      for (const job of taken) {
        works.set(job.id, {
          ...work,
          request: { ...work.request, seed: job.seed, seedLocked: true, count: 1 },
        });
        jobs.accept(job);
      }
      part.value = "faces";
      return true;
    } catch (error) {
      notices.report(failure, error);
      return false;
    } finally {
      sending.value = false;
    }
  }

  return {
    client,
    editor,
    phase,
    connected,
    start,
    model: computed(() => models.value?.models[0] ?? null),
    regions,
    classOrders: computed(() => models.value?.class_orders ?? []),
    request: desk.request,
    change: desk.change,
    source: desk.source,
    edit: desk.edit,
    plan: livePlan(editor, desk.source, desk.edit, regions),
    opening: desk.opening,
    jobs: jobs.all,
    sending,
    results: gallery.results,
    hasMoreResults: gallery.hasMore,
    part,
    selected,
    notices: notices.all,
    begin: desk.begin,
    generate: () =>
      submit(() => {
        const mask = editor.isBlank.value ? null : toBase64(encodeMask(editor.raster.value));
        return client.generate(generateRequest(desk.request.value, mask, models.value?.models[0] ?? null));
      }, "No faces were queued"),
    submitEdit: (ask) => submit(async () => client.edit(await ask()), "No edit was queued"),
    async cancel(job) {
      await client.cancel(job.id).then(jobs.accept, (error) => notices.report("The job goes on", error));
    },
    dismissJob(job) {
      works.delete(job.id);
      jobs.drop(job.id);
    },
    workOf: (job) => works.get(job.id) ?? null,
    loadMoreResults: () =>
      gallery.loadMore().catch((error) => notices.report("Earlier faces could not be loaded", error)),
    restore: desk.restore,
    editResult: desk.editResult,
    editPhoto: desk.editPhoto,
    leaveEdit: desk.leaveEdit,
    async removeResult(result) {
      try {
        await gallery.remove(result.id);
        if (selected.value?.id === result.id) selected.value = gallery.results.value[0] ?? null;
        desk.forget(result);
      } catch (error) {
        notices.report("The face could not be deleted", error);
      }
    },
    dismiss: notices.dismiss,
    problemOf: notices.problemOf,
  };
}

function isNotMissing(error: unknown): boolean {
  if (error instanceof ProblemError && error.status === 404) return false;
  throw error;
}
