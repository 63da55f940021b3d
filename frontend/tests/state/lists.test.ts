import { expect, test } from "vitest";
import { ProblemError } from "../../src/api/problem";
import type { JobStatus } from "../../src/api/types";
import { createGallery } from "../../src/state/gallery";
import { createJobList } from "../../src/state/job-list";
import { createNotices } from "../../src/state/notices";
import { job, problem, result, serve } from "../studio-server";

function list() {
  const gone: string[] = [];
  const jobs = createJobList(({ id }) => gone.push(id));
  return { jobs, gone, ids: () => jobs.all.value.map(({ id }) => id) };
}

test("jobs are newest first, and leave when they are done or cancelled", () => {
  const { jobs, gone, ids } = list();
  for (const id of ["02", "01", "03"]) jobs.accept(job(id));
  expect(ids()).toEqual(["03", "02", "01"]);
  jobs.accept(job("02", { state: "done" }));
  jobs.accept(job("01", { state: "cancelled" }));
  expect(ids()).toEqual(["03"]);
  expect(gone).toEqual(["02", "01"]);
});

test("an answer that an event overtook changes nothing", () => {
  const { jobs, gone, ids } = list();
  jobs.accept(job("1", { state: "running", step: 5 }));
  jobs.accept(job("1", { state: "running", step: 3 }));
  jobs.accept(job("1", { state: "queued" }));
  expect(jobs.all.value[0]).toMatchObject({ state: "running", step: 5 });
  jobs.accept(job("1", { state: "done" }));
  jobs.accept(job("1", { state: "done" }));
  jobs.accept(job("1", { state: "queued" }));
  expect(ids()).toEqual([]);
  expect(gone).toEqual(["1"]);
});

test("a failed job stays, with its reason, until it is dropped", () => {
  const { jobs, ids } = list();
  jobs.accept(job("1", { state: "failed", error: "the disk is full" }));
  expect(jobs.all.value[0]?.error).toBe("the disk is full");
  jobs.drop("1");
  expect(ids()).toEqual([]);
  jobs.accept(job("1", { state: "failed", error: "the disk is full" }));
  expect(ids()).toEqual([]);
});

test("after a break, what was missed is made up for", () => {
  const { jobs, gone } = list();
  for (const id of ["1", "2", "3"]) jobs.accept(job(id, { state: "running" }));
  const now: JobStatus[] = [
    job("9", { state: "done" }), // ended before this page was open
    job("4"),
    job("2", { state: "done" }),
    job("1", { state: "running", step: 8 }),
  ];
  jobs.acceptAll(now);
  expect(gone).toEqual(["2"]);
  expect(jobs.all.value.map(({ id, state, step }) => [id, state, step])).toEqual([
    ["4", "queued", 0],
    ["3", "running", 0], // of which nothing is told
    ["1", "running", 8],
  ]);
});

test("the gallery grows by pages and by new faces, each once, newest first", async () => {
  const { client, answers } = serve({ "GET /results": { results: [result("4"), result("3")], next: "3" } });
  const gallery = createGallery(client);
  const ids = () => gallery.results.value.map(({ id }) => id);
  await gallery.load();
  expect([ids(), gallery.hasMore.value]).toEqual([["4", "3"], true]);
  gallery.add(result("5"));
  answers["GET /results"] = { results: [result("3"), result("2")], next: null };
  await gallery.loadMore();
  expect([ids(), gallery.hasMore.value]).toEqual([["5", "4", "3", "2"], false]);
});

test("what came meanwhile is taken in, and earlier faces go on from where they were", async () => {
  const { client, answers } = serve({ "GET /results": { results: [result("4"), result("3")], next: "3" } });
  const gallery = createGallery(client);
  const ids = () => gallery.results.value.map(({ id }) => id);
  await gallery.load();
  answers["GET /results"] = { results: [result("2")], next: null };
  await gallery.loadMore();
  answers["GET /results"] = { results: [result("5"), result("4")], next: "4" };
  await gallery.load();
  expect([ids(), gallery.hasMore.value]).toEqual([["5", "4", "3", "2"], false]);

  answers["GET /results"] = { results: [result("9"), result("8")], next: "8" };
  await gallery.load();
  expect(gallery.hasMore.value).toBe(true); // those between 8 and 5
});

test("a face that could not be removed stays in the gallery", async () => {
  const { client, answers } = serve({
    "GET /results": { results: [result("1")], next: null },
    "DELETE /results/1": problem(500, "a defect"),
  });
  const gallery = createGallery(client);
  await gallery.load();
  await expect(gallery.remove("1")).rejects.toThrow("a defect");
  expect(gallery.results.value.length).toBe(1);
  answers["DELETE /results/1"] = new Response(null, { status: 204 });
  await gallery.remove("1");
  expect(gallery.results.value).toEqual([]);
});

test("a problem is told in the studio's words, beside its field, with when to come again", () => {
  const notices = createNotices();
  const fields = [{ field: "region_strength.hair", detail: "at most 100" }];
  notices.report("No faces were queued", new ProblemError(503, "the queue is full", fields, 4));
  expect(notices.all.value[0]?.text).toBe("No faces were queued: the queue is full. Try again in 4 seconds.");
  expect(notices.problemOf("region_strength")).toBe("at most 100");
  expect(notices.problemOf("region_strength.hair")).toBe("at most 100");
  expect(notices.problemOf("region")).toBeNull();
  notices.clear();
  expect(notices.problemOf("region_strength")).toBeNull();
});

test("an attempt forgets problems of the one before, and leaves the way back", () => {
  const notices = createNotices();
  notices.report("It failed", new Error("why"));
  notices.tell("an example", { label: "Go back", run() {} });
  notices.clear();
  expect(notices.all.value.map(({ text }) => text)).toEqual(["an example"]);
});

test("news replace news, and problems stay beside them", () => {
  const notices = createNotices();
  notices.report("It failed", new Error("why"));
  notices.tell("one");
  notices.tell("two");
  expect(notices.all.value.map(({ text }) => text)).toEqual(["It failed: why", "two"]);
});
