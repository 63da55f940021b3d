import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { askForEdit } from "../../src/edit/edit-request";
import { createRaster } from "../../src/mask/label-raster";
import { encodeMask } from "../../src/mask/png";
import type { EditSource } from "../../src/state/studio";
import { type Answers, Events, openStudio, painted, problem, result } from "../studio-server";

beforeEach(() => {
  localStorage.clear();
  vi.stubGlobal("EventSource", Events);
  vi.stubGlobal("createImageBitmap", async () => ({ width: 128, height: 128, close() {} }));
});

afterEach(() => vi.unstubAllGlobals());

const CORRECTED = createRaster(6, 4);
CORRECTED.labels.fill(13);

const MADE = result("1", { mask: true });
const EDIT = { source: "1", width: 128, height: 128, regions: ["skin"], depth: 0.5, border: 9 };
const FILES: Answers = {
  "GET /results/1": MADE,
  "GET /results/1/mask.png": encodeMask(painted()),
  "GET /results/1/picture.png": new Uint8Array([1]),
  "GET /results/2/mask.png": encodeMask(createRaster(6, 4)),
};

/** An answer that comes when it is let go. */
function later(answer: unknown) {
  let answered = () => {};
  const promise = new Promise((resolve) => {
    answered = () => resolve(answer);
  });
  return { promise, answered };
}

test("restoring an edit brings back what it started from, its regions, depth and border", async () => {
  const { studio } = await openStudio(FILES);
  await studio.restore(result("2", { mask: true, edit: EDIT }));
  expect(studio.source.value).toMatchObject({ kind: "result", result: { id: "1" }, oldMask: painted() });
  expect(studio.edit.value).toEqual({ regions: ["skin"], depth: 0.5, border: 9 });
  expect(studio.editor.isBlank.value).toBe(true);
});

test("restoring an edit brings back the old mask as it was corrected then", async () => {
  const { studio } = await openStudio({ ...FILES, "GET /results/2/old_mask.png": encodeMask(CORRECTED) });
  await studio.restore(result("2", { mask: true, edit: EDIT }));
  expect(studio.source.value?.oldMask).toEqual(CORRECTED);
});

test("restoring an edit of a photograph brings back the photograph", async () => {
  const { studio } = await openStudio({
    ...FILES,
    "GET /results/2/old_mask.png": encodeMask(painted()),
    "GET /results/2/original.png": new Uint8Array([7, 8, 9]),
  });
  await studio.restore(result("2", { mask: true, edit: { ...EDIT, source: null } }));
  const source = studio.source.value as Extract<EditSource, { kind: "photo" }>;
  expect(source).toMatchObject({ kind: "photo", oldMask: painted() });
  expect(new Uint8Array(await source.blob.arrayBuffer())).toEqual(new Uint8Array([7, 8, 9]));
  expect(studio.editor.photo.value).not.toBeNull();
});

test("an edit whose original is gone restores mask and words, and says so", async () => {
  const { studio } = await openStudio({ "GET /results/2/mask.png": encodeMask(painted()) });
  await studio.restore(result("2", { mask: true, edit: EDIT }));
  expect(studio.source.value).toBeNull();
  expect(studio.editor.raster.value).toEqual(painted());
  expect(studio.notices.value[0]?.text).toContain("is not kept");
});

test("an original that cannot be had now is not told to be gone", async () => {
  const { studio } = await openStudio({ ...FILES, "GET /results/1": problem(500, "a defect") });
  await studio.restore(result("2", { mask: true, edit: EDIT }));
  expect(studio.notices.value[0]?.text).toContain("a defect");
});

test("undoing does not lay one picture's mask over another", async () => {
  const { studio } = await openStudio(FILES);
  studio.editor.replace(CORRECTED);
  await studio.editResult(MADE);
  expect(studio.editor.canUndo.value).toBe(false);
  studio.editor.replace(CORRECTED);
  studio.editor.undo();
  expect(studio.editor.raster.value).toEqual(painted());
});

test("an edit that is left can be gone back to, with its photo and corrected mask", async () => {
  const { studio } = await openStudio(FILES);
  await studio.editResult(MADE);
  studio.source.value = { kind: "result", result: MADE, oldMask: CORRECTED };
  const photo = studio.editor.photo.value;
  studio.leaveEdit();
  expect([studio.source.value, studio.editor.photo.value, studio.plan.value]).toEqual([null, null, null]);
  studio.notices.value[0]?.action?.run();
  expect(studio.source.value).toMatchObject({ oldMask: CORRECTED });
  expect(studio.editor.photo.value).toBe(photo);
});

test("what was painted since is not lost by going back", async () => {
  const { studio } = await openStudio(FILES);
  studio.editor.replace(CORRECTED);
  await studio.editResult(MADE);
  studio.editor.clear();
  studio.notices.value[0]?.action?.run();
  expect(studio.editor.raster.value).toEqual(CORRECTED);
  studio.notices.value[0]?.action?.run();
  expect(studio.editor.isBlank.value).toBe(true);
  expect(studio.source.value).toMatchObject({ result: { id: "1" } });
});

test("what was asked for last is opened, whatever comes first", async () => {
  const slow = later(new Uint8Array([1]));
  const { studio } = await openStudio({
    ...FILES,
    "GET /results/1/picture.png": slow.promise,
    "GET /results/3/mask.png": encodeMask(CORRECTED),
  });
  const first = studio.editResult(MADE);
  expect(studio.opening.value).toBe(true);
  await studio.restore(result("3", { mask: true }));
  expect(studio.opening.value).toBe(false);
  slow.answered();
  await first;
  expect(studio.editor.raster.value).toEqual(CORRECTED);
  expect(studio.source.value).toBeNull();
});

test("a beginning overtakes what is still being fetched, and its failure is no news", async () => {
  const slow = later(problem(500, "a defect"));
  const { studio } = await openStudio({ ...FILES, "GET /results/1/picture.png": slow.promise });
  const first = studio.editResult(MADE);
  studio.begin({ raster: painted() }, "An example.");
  slow.answered();
  await first;
  expect(studio.notices.value.map(({ text }) => text)).toEqual(["An example."]);
  expect(studio.opening.value).toBe(false);
});

test("what the studio said of a picture is not said of the next one", async () => {
  const gone = problem(404, "there is no result 1", [{ field: "result", detail: "there is no result 1" }]);
  const { studio } = await openStudio({ ...FILES, "POST /edit": gone });
  await studio.editResult(MADE);
  await askForEdit(studio);
  expect(studio.problemOf("result")).toBe("there is no result 1");
  studio.leaveEdit();
  expect(studio.problemOf("result")).toBeNull();
});

test("the edit of a result that is deleted ends; its mask stays", async () => {
  const { studio } = await openStudio({
    ...FILES,
    "DELETE /results/1": new Response(null, { status: 204 }),
    "DELETE /results/5": new Response(null, { status: 204 }),
  });
  await studio.editResult(MADE);
  await studio.removeResult(result("5"));
  expect(studio.source.value).not.toBeNull();
  await studio.removeResult(MADE);
  expect(studio.source.value).toBeNull();
  expect(studio.editor.raster.value).toEqual(painted());
});

test("an edit of a photograph goes out once, however often the button is pressed", async () => {
  const { studio, asked } = await openStudio({ "POST /edit": { jobs: [] } });
  await studio.editPhoto(new Blob([new Uint8Array([1])]), painted());
  const sent = await Promise.all([askForEdit(studio), askForEdit(studio)]);
  expect(sent).toEqual([true, false]);
  const bodies = asked.filter(({ what }) => what === "POST /edit").map(({ body }) => body);
  expect(bodies).toMatchObject([{ seed: studio.request.value.seed }]);
});

/** The page opened again, as it was left. */
async function reopened(answers: Answers) {
  dispatchEvent(new Event("pagehide")); // which keeps the mask
  return openStudio(answers);
}

test("an edit goes on after the page was loaded again", async () => {
  const { studio } = await openStudio(FILES);
  await studio.editResult(MADE);
  studio.source.value = { ...(studio.source.value as EditSource), oldMask: CORRECTED };
  studio.edit.value = { regions: ["hair", "hat"], depth: 0.4, border: 3 };
  studio.editor.replace(createRaster(6, 4));
  const { studio: again } = await reopened(FILES);
  expect(again.source.value).toMatchObject({ kind: "result", result: { id: "1" }, oldMask: CORRECTED });
  expect(again.edit.value).toEqual({ regions: ["hair", "hat"], depth: 0.4, border: 3 });
  expect(again.editor.raster.value).toEqual(createRaster(6, 4));
  expect(again.editor.canUndo.value).toBe(false);
  expect(again.editor.photo.value).not.toBeNull();
  expect(again.notices.value).toEqual([]);
});

test("an edit that was left stays left", async () => {
  const { studio } = await openStudio(FILES);
  await studio.editResult(MADE);
  studio.leaveEdit();
  const { studio: again, asked } = await reopened(FILES);
  expect(again.source.value).toBeNull();
  expect(asked.some(({ what }) => what.includes("picture.png"))).toBe(false);
});

test("an edit whose picture is gone ends with the page, and that is told once", async () => {
  const { studio } = await openStudio(FILES);
  await studio.editResult(MADE);
  const { studio: again } = await reopened({});
  expect(again.source.value).toBeNull();
  expect(again.notices.value[0]?.text).toContain("no more");
  expect((await reopened({})).studio.notices.value).toEqual([]);
});

test("an edit waits for a studio that cannot be reached", async () => {
  const { studio } = await openStudio(FILES);
  await studio.editResult(MADE);
  const down = await reopened({ ...FILES, "GET /models": problem(500, "a defect") });
  expect(down.studio.source.value).toBeNull();
  const { studio: again } = await reopened(FILES);
  expect(again.source.value).toMatchObject({ kind: "result", result: { id: "1" } });
});

test("an edit that cannot be resumed now is told of, waits, and ends when something else is begun", async () => {
  const { studio } = await openStudio(FILES);
  await studio.editResult(MADE);
  const broken = { ...FILES, "GET /results/1/picture.png": problem(500, "a defect") };
  const first = await reopened(broken);
  expect(first.studio.notices.value[0]?.text).toContain("a defect");
  const second = await reopened(broken);
  second.studio.begin({ raster: painted() }, "Something else.");
  const { studio: again } = await reopened(FILES);
  expect(again.source.value).toBeNull();
  expect(again.notices.value).toEqual([]);
});

test("a picture whose file is gone ends its edit", async () => {
  const { studio } = await openStudio(FILES);
  await studio.editResult(MADE);
  const { studio: again } = await reopened({ "GET /results/1": MADE });
  expect(again.notices.value[0]?.text).toContain("no more");
});

test("a photograph that was edited is asked for again", async () => {
  const { studio } = await openStudio(FILES);
  await studio.editPhoto(new Blob([new Uint8Array([7])]), painted());
  const { studio: again } = await reopened(FILES);
  expect(again.source.value).toBeNull();
  expect(again.editor.raster.value).toEqual(painted());
  expect(again.notices.value[0]?.text).toContain("Open the photograph again");
});

test.each([
  "{",
  "[]",
  '{"result": 3}',
  '{"result": "1", "oldMask": "AAAA", "edit": {"regions": 5}}',
  '{"result": "1", "oldMask": null, "edit": {"regions": null, "depth": 1, "border": null}}',
])("what was kept by anyone else is no edit: %s", async (kept) => {
  localStorage.setItem("facemogle.edit", kept);
  const { studio } = await openStudio(FILES);
  expect(studio.source.value).toBeNull();
  expect(studio.notices.value).toEqual([]);
});
