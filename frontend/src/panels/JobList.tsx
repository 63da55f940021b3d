import type { JobStatus } from "../api/types";
import { isActive } from "../state/job-list";
import type { Studio } from "../state/studio";
import "./JobList.css";

/** Pictures on their way, as they become pictures, and those that failed. */
export function JobList({ studio }: { studio: Studio }) {
  const jobs = studio.jobs.value;
  if (jobs.length === 0) return null;
  const active = jobs.filter(isActive);
  const failed = jobs.filter(({ state }) => state === "failed");
  return (
    <section class="jobs" aria-label="On their way">
      <div class="jobs-all">
        {active.length > 1 && (
          <button type="button" onClick={() => Promise.all(active.map(studio.cancel))}>
            Cancel all {active.length}
          </button>
        )}
        {failed.length > 1 && (
          <button type="button" class="quiet" onClick={() => failed.forEach(studio.dismissJob)}>
            Dismiss all {failed.length} that failed
          </button>
        )}
      </div>
      <ul class="job-list">
        {jobs.toReversed().map((job) => (
          <JobItem key={job.id} studio={studio} job={job} />
        ))}
      </ul>
    </section>
  );
}

function JobItem({ studio, job }: { studio: Studio; job: JobStatus }) {
  const work = studio.workOf(job);
  return (
    <li class="job" data-state={job.state}>
      <div class="job-picture">
        {job.preview !== null && job.state === "running" && (
          <img
            src={studio.client.previewUrl(job.id, job.preview)}
            alt={`What seed ${job.seed} is becoming, step ${job.preview}`}
          />
        )}
      </div>
      <div class="job-text">
        <p class="job-caption">{job.prompt || "Without words"}</p>
        {isActive(job) && <progress max={job.steps} value={job.step} aria-label={`Seed ${job.seed}`} />}
        <p class="job-state">{`Seed ${job.seed}. ${stateOf(job, studio.jobs.value)}`}</p>
      </div>
      <div class="job-actions">
        {isActive(job) && (
          <button type="button" aria-label={`Cancel seed ${job.seed}`} onClick={() => studio.cancel(job)}>
            Cancel
          </button>
        )}
        {job.state === "failed" && work && (
          <button
            type="button"
            onClick={() => studio.begin(work, `The request of seed ${job.seed} is back.`)}
          >
            Bring back its request
          </button>
        )}
        {job.state === "failed" && (
          <button type="button" class="quiet" onClick={() => studio.dismissJob(job)}>
            Dismiss
          </button>
        )}
      </div>
    </li>
  );
}

/** In words, how a job stands among the others. */
export function stateOf(job: JobStatus, all: readonly JobStatus[]): string {
  if (job.state === "failed") return `Failed: ${job.error ?? "the studio does not say why"}`;
  if (job.state === "running") return `Step ${job.step} of ${job.steps}`;
  // The studio tells a position once, when the job is queued; the jobs before it move on.
  const before = all.filter((other) => other.state === "queued" && other.id < job.id).length;
  return before === 0 ? "Next in the queue" : `${before} before it in the queue`;
}
