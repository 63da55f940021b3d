import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createSession } from "../../src/api/session";
import { problem, serve } from "../studio-server";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test("the cookie is renewed before it ends, again and again", async () => {
  const { client, asked } = serve({ "POST /session": { seconds: 3600 } });
  await createSession(client)();
  await vi.advanceTimersByTimeAsync(3400_000);
  expect(asked.length).toBe(1);
  await vi.advanceTimersByTimeAsync(100_000);
  expect(asked.length).toBe(2);
  await vi.advanceTimersByTimeAsync(3500_000);
  expect(asked.length).toBe(3);
});

test("opening twice renews once", async () => {
  const { client, asked } = serve({ "POST /session": { seconds: 3600 } });
  const open = createSession(client);
  await open();
  await open();
  await vi.advanceTimersByTimeAsync(3500_000);
  expect(asked.length).toBe(3);
});

test("a wrong token is told to whoever opens", async () => {
  const { client } = serve({ "POST /session": problem(401, "send the studio's token") });
  await expect(createSession(client)()).rejects.toMatchObject({ status: 401 });
});
