import type { JobStatus } from "./types";

/** What is told of the stream of events. */
export interface Listener {
  onJob(job: JobStatus): void;
  /** The stream is open, again maybe: jobs may have changed unheard. */
  onOpen(): void;
  /** The stream is broken; it is being opened again. */
  onBroken(): void;
}

const SECONDS_TO_RETRY = 3;

/**
 * Hear of all jobs until the returned function is called. Browsers open a broken stream again by themselves,
 * with the Last-Event-ID; but not after a refusal, as when the cookie has ended: then `beforeRetry` comes first.
 */
export function followJobs(url: string, listener: Listener, beforeRetry: () => Promise<void>): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;

  function open(): void {
    const opened = new EventSource(url);
    source = opened;
    opened.addEventListener("open", () => listener.onOpen());
    opened.addEventListener("job", (event) => listener.onJob(JSON.parse(event.data) as JobStatus));
    opened.addEventListener("error", () => {
      listener.onBroken();
      if (opened.readyState === EventSource.CLOSED) timer = setTimeout(retry, SECONDS_TO_RETRY * 1000);
    });
  }

  async function retry(): Promise<void> {
    await beforeRetry().catch(() => undefined);
    if (!stopped) open();
  }

  open();
  return () => {
    stopped = true;
    clearTimeout(timer);
    source?.close();
  };
}
