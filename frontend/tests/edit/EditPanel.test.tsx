import { cleanup, fireEvent, render, screen, within } from "@testing-library/preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fromBase64 } from "../../src/api/base64";
import type { EditRequest } from "../../src/api/types";
import { EditPanel } from "../../src/edit/EditPanel";
import { decodeMask, encodeMask } from "../../src/mask/png";
import { createStudio } from "../../src/state/create-studio";
import { type Answers, Events, problem, result, serve } from "../studio-server";

// Background and skin, side by side.
const OLD = { width: 16, height: 16, labels: Uint8Array.from({ length: 256 }, (_, at) => +(at % 16 > 7)) };
const MADE = result("7", { mask: true, prompt: "a man with fair skin" });

beforeEach(() => {
  localStorage.clear();
  vi.stubGlobal("EventSource", Events);
  vi.stubGlobal("createImageBitmap", async () => ({ width: 128, height: 128, close() {} }));
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

async function editing(answers: Answers = {}) {
  const { client, asked } = serve({
    "GET /results/7/picture.png": new Uint8Array(8),
    "GET /results/7/mask.png": encodeMask(OLD),
    "POST /edit": { jobs: [] },
    ...answers,
  });
  const studio = createStudio(client, { get: () => null, set: () => undefined });
  await studio.start();
  await studio.editResult(MADE);
  render(<EditPanel studio={studio} />);
  const sent = () => asked.filter(({ what }) => what === "POST /edit").map(({ body }) => body as EditRequest);
  return { studio, sent };
}

const drawAnew = () => screen.getByRole("button", { name: "Draw it anew" });

/** The mask with one pixel of nose. */
function changed() {
  const labels = OLD.labels.slice();
  labels[0] = 2;
  return { ...OLD, labels };
}

test("nothing can be asked for until something would be drawn anew", async () => {
  const { studio, sent } = await editing();
  expect(drawAnew()).toHaveProperty("disabled", true);
  expect(screen.getByText("Change the mask, or choose regions to draw anew.")).toBeTruthy();

  studio.editor.replace(changed());
  expect(await screen.findByText(/Drawn anew: less than 1 %/)).toBeTruthy();
  fireEvent.click(drawAnew());
  await vi.waitFor(() => expect(sent().length).toBe(1));
  expect(sent()[0]).toMatchObject({ result: "7", regions: null });
  expect(decodeMask(fromBase64(sent()[0]?.mask ?? ""))).toEqual(changed());
  expect(decodeMask(fromBase64(sent()[0]?.old_mask ?? ""))).toEqual(OLD);
});

test("whole regions are chosen by name", async () => {
  const { sent } = await editing();
  fireEvent.click(screen.getByLabelText("Whole regions"));
  const names = within(screen.getByRole("group", { name: "What is drawn anew" }));
  expect(names.queryByLabelText("nose")).toBeNull(); // neither mask has one
  fireEvent.click(await names.findByLabelText("skin"));
  expect(await screen.findByText(/Drawn anew: 50 % of the picture/)).toBeTruthy();
  fireEvent.click(drawAnew());
  await vi.waitFor(() => expect(sent()[0]?.regions).toEqual(["skin"]));
});

test("words for a region go into the caption, and the region is drawn anew", async () => {
  const { studio } = await editing();
  fireEvent.change(screen.getByLabelText("Region that the words are for"), { target: { value: "skin" } });
  fireEvent.input(screen.getByLabelText("New words for"), { target: { value: "dark" } });
  fireEvent.click(screen.getByText("Put in"));
  expect(studio.request.value.caption).toBe("a man with dark skin");
  expect(studio.edit.value.regions).toEqual(["skin"]);
});

test("a mask that was only corrected is what the picture has, and no wish", async () => {
  const { studio } = await editing();
  studio.editor.replace(changed());
  fireEvent.click(await screen.findByText("This is what the picture shows"));
  expect(studio.source.value?.oldMask).toEqual(changed());
  expect(await screen.findByText("Nothing is drawn anew yet.")).toBeTruthy();
});

test("what the studio refuses is told beside what is to blame, and nothing is lost", async () => {
  const refusal = "depth: Input should be less than or equal to 1";
  const { studio } = await editing({
    "POST /edit": problem(422, refusal, [{ field: "depth", detail: "is too deep" }]),
  });
  studio.editor.replace(changed());
  fireEvent.click(await vi.waitFor(() => drawAnew()));
  expect(await screen.findByText("is too deep")).toBeTruthy();
  expect(studio.editor.raster.value).toEqual(changed());
  expect(studio.source.value).not.toBeNull();
});

test("an edit can be left; mask and words stay", async () => {
  const { studio } = await editing();
  fireEvent.click(screen.getByText("Leave the edit"));
  expect(studio.source.value).toBeNull();
  expect(studio.editor.raster.value).toEqual(OLD);
});
