import { type ReadonlySignal, signal } from "@preact/signals";
import type { JobStatus } from "../api/types";

/** Jobs as far as the page knows them: those that wait or run, and those that failed until they are dismissed. */
export interface JobList {
  /** Newest first. */
  readonly all: ReadonlySignal<readonly JobStatus[]>;
  /** Take in how a job stands; what is older than what is known changes nothing. */
  accept(job: JobStatus): void;
  /** Take in all jobs that the studio knows. */
  acceptAll(jobs: readonly JobStatus[]): void;
  drop(id: string): void;
}

/** No jobs yet. `onGone` hears once of each job that leaves by itself: it is done or cancelled. */
export function createJobList(onGone: (job: JobStatus) => void): JobList {
  const all = signal<readonly JobStatus[]>([]);
  const ended = new Set<string>(); // an answer that was overtaken by an event must not bring a job back

  function accept(job: JobStatus): void {
    const known = all.value.find(({ id }) => id === job.id);
    if (ended.has(job.id) || (known && progress(job) < progress(known))) return;
    if (!isActive(job)) ended.add(job.id);
    const isGone = job.state === "done" || job.state === "cancelled";
    const others = all.value.filter(({ id }) => id !== job.id);
    all.value = (isGone ? others : [job, ...others]).toSorted((a, b) => (a.id < b.id ? 1 : -1)); // ids sort by age
    if (isGone) onGone(job);
  }

  return {
    all,
    accept,
    acceptAll(jobs) {
      // What ended before the page was opened is no news.
      for (const job of jobs) if (isActive(job) || all.value.some(({ id }) => id === job.id)) accept(job);
    },
    drop(id) {
      all.value = all.value.filter((job) => job.id !== id);
    },
  };
}

/** Whether a job waits or runs. */
export function isActive(job: JobStatus): boolean {
  return job.state === "queued" || job.state === "running";
}

function progress(job: JobStatus): number {
  if (job.state === "queued") return -1;
  return job.state === "running" ? job.step : Number.POSITIVE_INFINITY;
}
