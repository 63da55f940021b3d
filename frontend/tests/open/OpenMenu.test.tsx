import { cleanup, fireEvent, render, screen } from "@testing-library/preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { toBase64 } from "../../src/api/base64";
import { encodeMask } from "../../src/mask/png";
import { OpenMenu } from "../../src/open/OpenMenu";
import { createStudio } from "../../src/state/create-studio";
import { type Answers, Events, problem, serve } from "../studio-server";

const MASK = { width: 3, height: 2, labels: Uint8Array.from([0, 1, 2, 3, 4, 5]) };
const EXAMPLES = [
  { mask: "bob.png", prompt: null, seed: 8 },
  { mask: "bob.png", prompt: "an old man", seed: 9 },
  { mask: null, prompt: "a girl", seed: 10 },
];

beforeEach(() => {
  localStorage.clear();
  vi.stubGlobal("EventSource", Events);
  vi.stubGlobal("createImageBitmap", async () => ({ width: 3, height: 2, close() {} }));
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

async function opened(answers: Answers = {}) {
  const { client } = serve({
    "GET /examples": { examples: EXAMPLES },
    "GET /examples/bob.png": encodeMask(MASK),
    ...answers,
  });
  const studio = createStudio(client, { get: () => null, set: () => undefined });
  await studio.start();
  render(<OpenMenu studio={studio} />);
  fireEvent.click(screen.getByText("Begin with …"));
  return studio;
}

/** Drop a file on the page, as from another window. */
function drop(name: string, bytes: Uint8Array<ArrayBuffer>): void {
  const event = new Event("drop", { bubbles: true, cancelable: true });
  Object.assign(event, { dataTransfer: { files: [new File([bytes], name, { type: "image/png" })] } });
  document.dispatchEvent(event);
}

test("an example brings its mask, its words and its seed", async () => {
  const studio = await opened();
  fireEvent.click(await screen.findByText("“an old man”"));
  await vi.waitFor(() => expect(studio.editor.raster.value).toEqual(MASK));
  expect(studio.request.value).toMatchObject({ caption: "an old man", seed: 9, seedLocked: true });
  expect(screen.queryByRole("dialog")).toBeNull();
});

test("an example without a mask brings a blank one", async () => {
  const studio = await opened();
  studio.editor.replace(MASK);
  fireEvent.click(await screen.findByText("no mask"));
  fireEvent.click(await screen.findByText("“a girl”"));
  await vi.waitFor(() => expect(studio.request.value.caption).toBe("a girl"));
  expect(studio.editor.isBlank.value).toBe(true);
});

test("a blank canvas has the size that was chosen", async () => {
  const studio = await opened();
  fireEvent.change(screen.getByLabelText("Size of the mask"), { target: { value: "128" } });
  fireEvent.click(await screen.findByRole("button", { name: "Blank canvas" }));
  expect(studio.editor.raster.value).toMatchObject({ width: 128, height: 128 });
});

test("a mask that is dropped is taken for one, and read by the studio", async () => {
  const studio = await opened({ "POST /masks": encodeMask(MASK) });
  drop("mine.png", new Uint8Array(encodeMask(MASK)));
  fireEvent.click(await screen.findByText("Open the mask"));
  await vi.waitFor(() => expect(studio.editor.raster.value).toEqual(MASK));
  expect(studio.source.value).toBeNull();
});

test("a photograph becomes what is edited, its mask exactly as it was found", async () => {
  const photo = Uint8Array.from([1, 2, 3]);
  const parsed = { width: 3, height: 2, photo: toBase64(photo), mask: toBase64(encodeMask(MASK)) };
  const studio = await opened({ "POST /parse": parsed });
  studio.change({ caption: "words of another face" });
  drop("me.jpg", photo);
  fireEvent.click(await screen.findByText("Open the photograph"));
  await vi.waitFor(() => expect(studio.source.value?.kind).toBe("photo"));
  const source = studio.source.value;
  expect(source?.oldMask).toEqual(MASK);
  expect(source?.kind === "photo" && new Uint8Array(await source.blob.arrayBuffer())).toEqual(photo);
  await vi.waitFor(() => expect(studio.request.value.caption).toBe(""));
});

test("a bad file is told beside it in the studio's words, and nothing has changed", async () => {
  const studio = await opened({
    "POST /parse": problem(422, "body: damaged JPEG file", [{ field: "body", detail: "damaged JPEG file" }]),
  });
  studio.editor.replace(MASK);
  drop("me.jpg", Uint8Array.from([1, 2, 3]));
  fireEvent.click(await screen.findByText("Open the photograph"));
  expect((await screen.findByRole("alert")).textContent).toBe("damaged JPEG file");
  expect(studio.editor.raster.value).toEqual(MASK);
  expect(studio.source.value).toBeNull();
});

test("a photograph that is too large to paint on is told what to do", async () => {
  const parsed = { width: 3000, height: 2000, photo: "", mask: "" };
  await opened({ "POST /parse": parsed });
  drop("me.jpg", Uint8Array.from([1, 2, 3]));
  fireEvent.click(await screen.findByText("Open the photograph"));
  expect((await screen.findByRole("alert")).textContent).toContain("3000 × 2000, more than 2048");
});

test("a file that is too large is not sent at all", async () => {
  await opened();
  drop("huge.jpg", new Uint8Array(25 * 2 ** 20));
  fireEvent.click(await screen.findByText("Open the photograph"));
  expect((await screen.findByRole("alert")).textContent).toBe(
    "the file has 25.0 MiB, the studio takes 24.0 MiB",
  );
});

test.each([
  ["goes on with it", true],
  ["ends", false],
])("while a picture is edited, a mask is the wanted one: the edit %s", async (_, keep) => {
  const studio = await opened({ "POST /masks": encodeMask(MASK) });
  const oldMask = { ...MASK, labels: new Uint8Array(6) };
  await studio.editPhoto(new Blob(["photo"]), oldMask);
  drop("mine.png", new Uint8Array(encodeMask(MASK)));
  const box = await screen.findByLabelText(/Keep the edit/);
  if (!keep) fireEvent.click(box);
  fireEvent.click(screen.getByText("Open the mask"));
  await vi.waitFor(() => expect(studio.editor.raster.value).toEqual(MASK));
  expect(studio.source.value?.oldMask ?? null).toEqual(keep ? oldMask : null);
  expect(studio.editor.photo.value !== null).toBe(keep);
});
