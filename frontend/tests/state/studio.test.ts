import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fromBase64 } from "../../src/api/base64";
import type { GenerateRequest } from "../../src/api/types";
import { decodeMask, encodeMask } from "../../src/mask/png";
import { type Answers, Events, job, openStudio, painted, problem, result } from "../studio-server";

beforeEach(() => {
  localStorage.clear();
  Events.opened = [];
  vi.stubGlobal("EventSource", Events);
  vi.stubGlobal("createImageBitmap", async () => ({ width: 128, height: 128, close() {} }));
});

afterEach(() => vi.unstubAllGlobals());

async function open(answers: Answers = {}) {
  const { studio, asked } = await openStudio(answers);
  const sent = () =>
    asked.filter(({ what }) => what === "POST /generate").map(({ body }) => body as GenerateRequest);
  return { studio, sent };
}

test("nothing painted is sent as no mask, something painted pixel by pixel", async () => {
  const { studio, sent } = await open({ "POST /generate": { jobs: [] } });
  await studio.generate();
  expect(sent()[0]).toMatchObject({ mask: null, prompt: null });

  studio.editor.replace(painted());
  await studio.generate();
  expect(decodeMask(fromBase64(sent()[1]?.mask ?? ""))).toEqual(painted());
});

test("a free seed is drawn anew, shown and sent; a locked one stays", async () => {
  const { studio, sent } = await open({ "POST /generate": { jobs: [] } });
  await studio.generate();
  await studio.generate();
  expect(sent()[0]?.seed).not.toBe(sent()[1]?.seed);
  expect(studio.request.value.seed).toBe(sent()[1]?.seed);

  studio.change({ seedLocked: true });
  await studio.generate();
  expect(sent()[2]?.seed).toBe(sent()[1]?.seed);
});

test("a full queue is told, with when to come again, and nothing that was asked for is lost", async () => {
  const { studio } = await open({
    "POST /generate": problem(503, "the queue is full", [], { "Retry-After": "7" }),
  });
  studio.change({ caption: "a man", count: 4 });
  studio.editor.replace(painted());
  await studio.generate();
  expect(studio.notices.value[0]?.text).toContain("the queue is full. Try again in 7 seconds.");
  expect(studio.request.value).toMatchObject({ caption: "a man", count: 4 });
  expect(studio.editor.raster.value).toEqual(painted());
  expect(studio.sending.value).toBe(false);
});

test("a request goes out once, however often the button is pressed", async () => {
  const { studio, sent } = await open({ "POST /generate": { jobs: [] } });
  await Promise.all([studio.generate(), studio.generate()]);
  expect(sent().length).toBe(1);
});

test("a face of this page is looked at when it is done, and in the gallery", async () => {
  const { studio } = await open({
    "POST /generate": { jobs: [job("2")] },
    "GET /results/2": result("2", { warnings: ["the model does not know 'xyz'"] }),
    "GET /results": { results: [result("1")], next: null },
  });
  expect(studio.selected.value?.id).toBe("1");
  await studio.generate();
  expect(studio.jobs.value.map(({ id }) => id)).toEqual(["2"]);
  Events.last.tell(job("2", { state: "done", step: 12 }));
  await vi.waitFor(() => expect(studio.results.value.map(({ id }) => id)).toEqual(["2", "1"]));
  expect(studio.selected.value?.id).toBe("2");
  expect(studio.jobs.value).toEqual([]);
});

test("a face that was asked for elsewhere comes into the gallery without being looked at", async () => {
  const { studio } = await open({
    "GET /results/2": result("2"),
    "GET /results": { results: [result("1")], next: null },
  });
  Events.last.tell(job("2", { state: "done" }));
  await vi.waitFor(() => expect(studio.results.value.length).toBe(2));
  expect(studio.selected.value?.id).toBe("1");
});

test("a failed job begins again with what it was asked for", async () => {
  const { studio } = await open({ "POST /generate": { jobs: [job("2")] } });
  studio.editor.replace(painted());
  studio.change({ caption: "a man" });
  await studio.generate();
  const failed = job("2", { state: "failed", error: "the disk is full" });
  Events.last.tell(failed);
  studio.change({ caption: "another" });
  studio.editor.clear();

  const work = studio.workOf(failed);
  if (work) studio.begin(work, "It is back.");
  expect(studio.request.value.caption).toBe("a man");
  expect(studio.editor.raster.value).toEqual(painted());
});

test("one face of a series that failed begins again with its own seed, alone", async () => {
  const { studio, sent } = await open({
    "POST /generate": { jobs: [job("2", { seed: 7 }), job("3", { seed: 8 })] },
  });
  studio.change({ count: 2 });
  await studio.generate();
  const failed = job("3", { seed: 8, state: "failed", error: "the disk is full" });
  Events.last.tell(failed);
  studio.begin(studio.workOf(failed) ?? { raster: painted() }, "It is back.");
  await studio.generate();
  expect(sent()[1]).toMatchObject({ seed: 8, count: 1 });
});

test("what a cancelled job was asked for with is not kept", async () => {
  const { studio } = await open({ "POST /generate": { jobs: [job("2")] } });
  await studio.generate();
  expect(studio.workOf(job("2"))).not.toBeNull();
  Events.last.tell(job("2", { state: "cancelled" }));
  expect(studio.workOf(job("2"))).toBeNull();
});

test("restoring brings back every field and the mask, and there is a way back", async () => {
  const made = result("1", {
    prompt: "an old man",
    seed: 77,
    steps: 31,
    guidance: 3.5,
    mask_strength: 0.5,
    region_strength: { skin: 2 },
    mask_window: [0.8, 0.2],
    mask: true,
    height: 64,
    width: 96,
  });
  const { studio, sent } = await open({
    "GET /results/1/mask.png": encodeMask(painted(9, 5)),
    "POST /generate": { jobs: [] },
  });
  const [requestBefore, rasterBefore] = [{ ...studio.request.value, caption: "mine" }, painted()];
  studio.change(requestBefore);
  studio.editor.replace(rasterBefore);

  await studio.restore(made);
  expect(studio.editor.raster.value).toEqual(painted(9, 5));
  await studio.generate();
  expect(sent()[0]).toMatchObject({
    prompt: made.prompt,
    seed: 77,
    steps: 31,
    guidance: 3.5,
    mask_strength: 0.5,
    region_strength: { skin: 2 },
    mask_window: [0.8, 0.2],
    height: 64,
    width: 96,
  });

  await studio.restore(made);
  studio.change({ caption: "changed" });
  await studio.restore(made);
  studio.notices.value[0]?.action?.run();
  expect(studio.request.value.caption).toBe("changed");
  studio.editor.undo();
  expect(studio.editor.raster.value).toEqual(rasterBefore);
});

test("what cannot be restored changes nothing", async () => {
  const { studio } = await open();
  studio.editor.replace(painted());
  await studio.restore(result("1", { mask: true }));
  expect(studio.editor.raster.value).toEqual(painted());
  expect(studio.notices.value[0]).toMatchObject({ kind: "problem" });
});

test("a page that is opened again has the caption, the settings and the mask of before", async () => {
  const { studio } = await open();
  studio.change({ caption: "a man with a hat", steps: 40, seed: 5, seedLocked: true });
  studio.editor.replace(painted());
  dispatchEvent(new Event("pagehide"));

  const again = (await open()).studio;
  expect(again.request.value).toEqual(studio.request.value);
  expect(again.editor.raster.value).toEqual(painted());
});

test("jobs that run already are shown when the page is opened", async () => {
  const { studio } = await open({ "GET /jobs": { jobs: [job("5", { state: "running", step: 4 })] } });
  Events.last.dispatchEvent(new Event("open"));
  await vi.waitFor(() => expect(studio.jobs.value).toMatchObject([{ id: "5", step: 4 }]));
});

test("without its token the studio is locked, with it open", async () => {
  const { studio, answers } = await openStudio({
    "POST /session": problem(401, "send the studio's token"),
    "GET /models": problem(401, "send the studio's token"),
  });
  expect(studio.phase.value).toBe("locked");
  expect(studio.notices.value).toEqual([]);

  await studio.start("wrong");
  expect(studio.phase.value).toBe("locked");
  expect(studio.problemOf("token")).toBe("This is not the studio's token.");

  answers["POST /session"] = { seconds: 3600 };
  answers["GET /models"] = { models: [], regions: [], class_orders: [] };
  await studio.start("right");
  expect(studio.phase.value).toBe("ready");
});
