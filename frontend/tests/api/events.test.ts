import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { followJobs } from "../../src/api/events";
import type { JobStatus } from "../../src/api/types";
import { Events, job } from "../studio-server";

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("EventSource", Events);
  Events.opened = [];
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function follow(beforeRetry = vi.fn(async () => undefined)) {
  const heard: (JobStatus | string)[] = [];
  const stop = followJobs(
    "/events",
    {
      onJob: (told) => heard.push(told),
      onOpen: () => heard.push("open"),
      onBroken: () => heard.push("broken"),
    },
    beforeRetry,
  );
  return { heard, stop, beforeRetry };
}

test("jobs are heard of as they are told", () => {
  const { heard } = follow();
  const told = job("1", { state: "running", step: 3 });
  Events.last.dispatchEvent(new Event("open"));
  Events.last.tell(told);
  expect(heard).toEqual(["open", told]);
});

test("a stream that the browser opens again by itself is left to it", async () => {
  follow();
  Events.last.readyState = 0;
  Events.last.dispatchEvent(new Event("error"));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(Events.opened.length).toBe(1);
});

test("a refused stream is opened again, with a new session before", async () => {
  const { heard, beforeRetry } = follow();
  Events.last.close();
  Events.last.dispatchEvent(new Event("error"));
  expect(heard).toEqual(["broken"]);
  await vi.advanceTimersByTimeAsync(3000);
  expect(beforeRetry).toHaveBeenCalledOnce();
  expect(Events.opened.length).toBe(2);
});

test("nothing is opened again after the end", async () => {
  const { stop } = follow();
  Events.last.close();
  Events.last.dispatchEvent(new Event("error"));
  stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(Events.opened.length).toBe(1);
});
