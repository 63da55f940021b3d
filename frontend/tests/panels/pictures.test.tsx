import { cleanup, fireEvent, render, screen } from "@testing-library/preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { destination } from "../../src/panels/Gallery";
import { stateOf } from "../../src/panels/JobList";
import { Pictures } from "../../src/panels/Pictures";
import { Events, job, openStudio, result } from "../studio-server";

beforeEach(() => {
  localStorage.clear();
  vi.stubGlobal("EventSource", Events);
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const THREE = {
  results: [result("3", { prompt: "a woman", seed: 3 }), result("2", { seed: 2 }), result("1", { seed: 1 })],
  next: null,
};

test("keys lead through the grid, and nowhere beyond it", () => {
  expect(destination("ArrowRight", 0, 7, 3)).toBe(1);
  expect(destination("ArrowLeft", 0, 7, 3)).toBeNull();
  expect(destination("ArrowDown", 1, 7, 3)).toBe(4);
  expect(destination("ArrowDown", 5, 7, 3)).toBeNull();
  expect(destination("ArrowUp", 4, 7, 3)).toBe(1);
  expect(destination("Home", 5, 7, 3)).toBe(0);
  expect(destination("End", 2, 7, 3)).toBe(6);
  expect(destination("a", 2, 7, 3)).toBeNull();
});

test("a face is reached with the arrows and then looked at", async () => {
  const { studio } = await openStudio({ "GET /results": THREE });
  render(<Pictures studio={studio} />);
  const first = screen.getByRole("button", { name: "a woman, seed 3" });
  expect(first.tabIndex).toBe(0);
  fireEvent.keyDown(first, { key: "ArrowRight" });
  expect(studio.selected.value?.id).toBe("2");
  expect(document.activeElement?.getAttribute("title")).toBe("a man, seed 2");
});

test("a face is deleted only after it was asked", async () => {
  const { studio, asked } = await openStudio({
    "GET /results": THREE,
    "DELETE /results/3": new Response(null, { status: 204 }),
  });
  render(<Pictures studio={studio} />);
  fireEvent.click(screen.getByRole("button", { name: "Delete a woman, seed 3" }));
  fireEvent.click(screen.getByText("Keep it"));
  expect(studio.results.value.length).toBe(3);

  fireEvent.click(screen.getByRole("button", { name: "Delete a woman, seed 3" }));
  fireEvent.click(await screen.findByText("Delete"));
  await vi.waitFor(() => expect(studio.results.value.map(({ id }) => id)).toEqual(["2", "1"]));
  expect(studio.selected.value?.id).toBe("2");
  expect(asked.filter(({ what }) => what.startsWith("DELETE")).length).toBe(1);
});

test("after a face was deleted from the gallery, the keyboard is on the next one", async () => {
  const { studio } = await openStudio({
    "GET /results": THREE,
    "DELETE /results/3": new Response(null, { status: 204 }),
  });
  render(<Pictures studio={studio} />);
  const face = screen.getByRole("button", { name: "a woman, seed 3" });
  face.focus();
  fireEvent.keyDown(face, { key: "Delete" });
  fireEvent.click(await screen.findByText("Delete"));
  await vi.waitFor(() => expect(document.activeElement?.getAttribute("title")).toBe("a man, seed 2"));
});

test("words that the model does not read are told beside the face", async () => {
  const warnings = ["the model does not know 'xyzzy'"];
  const { studio } = await openStudio({
    "GET /results": { results: [result("1", { warnings })], next: null },
  });
  render(<Pictures studio={studio} />);
  screen.getByText("the model does not know 'xyzzy'");
});

test("what can be downloaded is there, with names of its own", async () => {
  const { studio } = await openStudio({
    "GET /results": { results: [result("18eb81d39af24d279a3ea69e", { seed: 7, mask: true })], next: null },
  });
  render(<Pictures studio={studio} />);
  const links = screen.getAllByRole<HTMLAnchorElement>("link").map(({ href, download }) => [href, download]);
  const at = "http://localhost/api/v1/results/18eb81d39af24d279a3ea69e";
  expect(links).toEqual([
    [`${at}/picture.png`, "face-7-3ea69e.png"],
    [`${at}/mask.png`, "face-7-3ea69e-mask.png"],
    [at, "face-7-3ea69e.json"],
  ]);
});

test("a job shows its step and its preview, and is cancelled by its button", async () => {
  const { studio } = await openStudio({ "DELETE /jobs/1": job("1", { state: "cancelled" }) });
  render(<Pictures studio={studio} />);
  Events.last.tell(job("1", { state: "running", seed: 5, step: 6, preview: 6 }));
  const picture = await screen.findByRole<HTMLImageElement>("img", { name: /becoming, step 6/ });
  expect(picture.src).toMatch(/\/jobs\/1\/preview\?step=6$/);
  expect(screen.getByRole<HTMLProgressElement>("progressbar", { name: "Seed 5" }).value).toBe(6);

  fireEvent.click(screen.getByRole("button", { name: "Cancel seed 5" }));
  await vi.waitFor(() => expect(studio.jobs.value).toEqual([]));
});

test("a job is named by its words, whoever asked for it", async () => {
  const { studio } = await openStudio();
  render(<Pictures studio={studio} />);
  Events.last.tell(job("1", { prompt: "a man with a hat" }));
  await screen.findByText("a man with a hat");
  Events.last.tell(job("1", { state: "running", prompt: null }));
  await screen.findByText("Without words");
});

test("an edit of a photograph has the photograph's size, and is compared with it", async () => {
  const edit = { source: null, width: 900, height: 900, regions: null, depth: 1, border: 9 };
  const { studio } = await openStudio({ "GET /results": { results: [result("1", { edit })], next: null } });
  render(<Pictures studio={studio} />);
  screen.getByText("900 × 900");
  fireEvent.click(screen.getByRole("button", { name: "Before and after" }));
  const before = await screen.findByRole<HTMLImageElement>("img", { name: "Before the edit" });
  expect(before.src).toMatch(/results\/1\/original.png$/);
});

test("an edit whose photograph is not kept has nothing to be compared with", async () => {
  const edit = { source: null, width: null, height: null, regions: null, depth: 1, border: 9 };
  const { studio } = await openStudio({ "GET /results": { results: [result("1", { edit })], next: null } });
  render(<Pictures studio={studio} />);
  screen.getByText("128 × 128");
  expect(screen.queryByRole("button", { name: "Before and after" })).toBeNull();
});

test("a job that failed says why, and goes when it is dismissed", async () => {
  const { studio } = await openStudio();
  render(<Pictures studio={studio} />);
  Events.last.tell(job("1", { state: "failed", error: "No space left on device" }));
  await screen.findByText(/Failed: No space left on device/);
  fireEvent.click(screen.getByRole("button", { name: "Dismiss" }));
  await vi.waitFor(() => expect(screen.queryByText(/No space left/)).toBeNull());
  expect(studio.jobs.value).toEqual([]);
});

test("jobs that failed together are dismissed together, the others stay", async () => {
  const { studio } = await openStudio();
  render(<Pictures studio={studio} />);
  for (const id of ["1", "2"]) Events.last.tell(job(id, { state: "failed", error: "lost" }));
  Events.last.tell(job("3", { state: "running" }));
  fireEvent.click(await screen.findByRole("button", { name: "Dismiss all 2 that failed" }));
  await vi.waitFor(() => expect(studio.jobs.value.map(({ id }) => id)).toEqual(["3"]));
  expect(screen.queryByRole("button", { name: /Cancel all/ })).toBeNull();
});

test("a job that waits knows how many are before it", () => {
  const all = [job("3"), job("2"), job("1", { state: "running" })];
  expect(stateOf(job("3"), all)).toBe("1 before it in the queue");
  expect(stateOf(job("2"), all)).toBe("Next in the queue");
});
