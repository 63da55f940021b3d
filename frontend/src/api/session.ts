import type { Client } from "./client";

/** Seconds before its end at which the cookie is renewed. */
const MARGIN = 120;

/** The cookie with which browsers read pictures and events, where they cannot send the token. */
export interface Session {
  /** Have a fresh cookie, and from then on always. Throws ProblemError where the token is not the right one. */
  open(): Promise<void>;
  close(): void;
}

/** A session of `client`. */
export function createSession(client: Client): Session {
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function open(): Promise<void> {
    clearTimeout(timer);
    const seconds = await client.newSession();
    timer = setTimeout(
      // Without an answer now, pictures fail until the events come again: these open a session, too.
      () => open().catch(() => undefined),
      Math.max(1, seconds - MARGIN) * 1000,
    );
  }

  return { open, close: () => clearTimeout(timer) };
}
