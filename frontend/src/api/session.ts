import type { Client } from "./client";

/** Seconds before its end at which the cookie is renewed. */
const MARGIN = 120;

/**
 * A function that gets a fresh cookie, with which browsers read pictures and events where they cannot send the
 * token, and from then on keeps it fresh. It throws ProblemError where the token is not the right one.
 */
export function createSession(client: Client): () => Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;

  return async function open(): Promise<void> {
    clearTimeout(timer);
    const seconds = await client.newSession();
    timer = setTimeout(
      // Without an answer now, pictures fail until the events come again: these open a session, too.
      () => open().catch(() => undefined),
      Math.max(1, seconds - MARGIN) * 1000,
    );
  };
}
