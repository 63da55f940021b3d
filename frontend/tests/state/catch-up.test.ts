import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Answers, Events, job, openStudio, problem, result } from "../studio-server";

beforeEach(() => {
  localStorage.clear();
  vi.stubGlobal("EventSource", Events);
});

afterEach(() => vi.unstubAllGlobals());

/** A studio that knows of a running job when its stream of events is opened again. */
async function opened(answers: Answers) {
  const open = await openStudio();
  Events.last.tell(job("1", { state: "running" }));
  Object.assign(open.answers, answers);
  Events.last.dispatchEvent(new Event("open"));
  return open.studio;
}

test("a job that the studio has forgotten is done if its picture is there", async () => {
  const studio = await opened({ "GET /results/1": result("1") });
  await vi.waitFor(() => expect(studio.results.value.map(({ id }) => id)).toEqual(["1"]));
  expect(studio.jobs.value).toEqual([]);
});

test("a job that the studio has forgotten is lost if there is no picture", async () => {
  const studio = await opened({});
  await vi.waitFor(() => expect(studio.jobs.value).toMatchObject([{ id: "1", state: "failed" }]));
  expect(studio.jobs.value[0]?.error).toContain("started anew");
});

test("a job whose picture cannot be asked for is not given up", async () => {
  const studio = await opened({ "GET /results/1": problem(500, "a defect") });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(studio.jobs.value).toMatchObject([{ id: "1", state: "running" }]);
});

test("a job that is queued while the studio is asked for its jobs goes on", async () => {
  let answer = (_: unknown) => {};
  const studio = await opened({
    "GET /jobs": new Promise((resolve) => {
      answer = resolve;
    }),
    "POST /generate": { jobs: [job("2")] },
  });
  await studio.generate();
  answer({ jobs: [job("1", { state: "running" })] });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(studio.jobs.value).toMatchObject([
    { id: "2", state: "queued" },
    { id: "1", state: "running" },
  ]);
});

test("faces that were done before the stream was open are in the gallery", async () => {
  const studio = await opened({ "GET /results": { results: [result("7")], next: null } });
  await vi.waitFor(() => expect(studio.results.value.map(({ id }) => id)).toEqual(["7"]));
});
