import { cleanup, fireEvent, render, screen } from "@testing-library/preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createRaster } from "../../src/mask/label-raster";
import { GenerateBar } from "../../src/panels/GenerateBar";
import { GeneratePanel } from "../../src/panels/GeneratePanel";
import { Events, openStudio, problem } from "../studio-server";

beforeEach(() => {
  localStorage.clear();
  vi.stubGlobal("EventSource", Events);
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function type(field: HTMLElement, value: string): void {
  fireEvent.input(field, { target: { value } });
  fireEvent.change(field, { target: { value } });
}

function painted(label: number) {
  const raster = createRaster(4, 4);
  raster.labels[5] = label;
  return raster;
}

test("the button tells how many faces, and from what", async () => {
  const { studio } = await openStudio();
  render(<GenerateBar studio={studio} />);
  screen.getByRole("button", { name: "Generate a face" });
  screen.getByText(/nothing is painted or said/);

  studio.change({ count: 4, caption: "a man" });
  await screen.findByRole("button", { name: "Generate 4 faces" });
  screen.getByText(/nothing is painted$/);

  studio.editor.replace(painted(1));
  await screen.findByText("From mask and words");
  studio.change({ caption: " " });
  await screen.findByText(/there are no words/);
});

test("a seed that is typed is locked; dice draw another one and lock it", async () => {
  const { studio } = await openStudio();
  render(<GeneratePanel studio={studio} />);
  type(screen.getByLabelText("Seed, new each time"), "42");
  expect(studio.request.value).toMatchObject({ seed: 42, seedLocked: true });

  fireEvent.click(screen.getByRole("button", { name: "Lock the seed" }));
  expect(studio.request.value).toMatchObject({ seed: 42, seedLocked: false });

  fireEvent.click(screen.getByRole("button", { name: "Draw another seed and lock it" }));
  expect(studio.request.value.seedLocked).toBe(true);
  expect(studio.request.value.seed).not.toBe(42);
});

test("numbers are kept within their range, and nothing typed is nothing changed", async () => {
  const { studio } = await openStudio();
  render(<GeneratePanel studio={studio} />);
  const count = screen.getByLabelText<HTMLInputElement>("Count");
  type(count, "99");
  expect([studio.request.value.count, count.value]).toEqual([16, "16"]);
  type(count, "");
  expect([studio.request.value.count, count.value]).toEqual([16, "16"]);
  type(screen.getByLabelText("Width"), "100");
  expect(studio.request.value.size).toEqual({ width: 96, height: 128 });
  type(screen.getByLabelText("Width"), "");
  expect(studio.request.value.size).toBeNull();
});

test("a slider shows what the model does by itself, and leads back to it", async () => {
  const { studio } = await openStudio();
  render(<GeneratePanel studio={studio} />);
  const steps = screen.getByLabelText<HTMLInputElement>("Steps");
  expect(steps.value).toBe("12");
  fireEvent.input(screen.getByLabelText("Steps, slider"), { target: { value: "30" } });
  await vi.waitFor(() => expect(steps.value).toBe("30"));
  expect(studio.request.value.steps).toBe(30);
  fireEvent.click(screen.getByRole("button", { name: "Steps: back to 12" }));
  expect(studio.request.value.steps).toBeNull();
});

test("the ends of the mask's times push each other along", async () => {
  const { studio } = await openStudio();
  render(<GeneratePanel studio={studio} />);
  type(screen.getByLabelText("To"), "0.6");
  type(screen.getByLabelText("From"), "0.4");
  expect(studio.request.value.maskWindow).toEqual([0.4, 0.4]);
  type(screen.getByLabelText("To"), "0");
  type(screen.getByLabelText("From"), "1");
  expect(studio.request.value.maskWindow).toBeNull();
});

test("regions that are painted have a slider, the others on demand, changed ones always", async () => {
  const { studio } = await openStudio();
  studio.editor.replace(painted(2));
  render(<GeneratePanel studio={studio} />);
  expect(screen.queryByLabelText("nose")).not.toBeNull();
  expect(screen.queryByLabelText("skin")).toBeNull();

  fireEvent.click(screen.getByRole("button", { name: "All regions" }));
  type(await screen.findByLabelText("eye glasses"), "2");
  expect(studio.request.value.regionStrength).toEqual({ eye_glasses: 2 });
  fireEvent.click(screen.getByRole("button", { name: "Only painted regions" }));
  await vi.waitFor(() => expect(screen.queryByLabelText("skin")).toBeNull());
  fireEvent.click(screen.getByRole("button", { name: "eye glasses: back to 1" }));
  expect(studio.request.value.regionStrength).toEqual({});
});

test("what the studio says of a field stands beside it", async () => {
  const detail = "Input should be less than or equal to 250";
  const { studio } = await openStudio({
    "POST /generate": problem(422, "steps: too many", [{ field: "steps", detail }]),
  });
  render(<GeneratePanel studio={studio} />);
  await studio.generate();
  const said = await screen.findByText(detail);
  const steps = screen.getByLabelText("Steps");
  expect(steps.getAttribute("aria-invalid")).toBe("true");
  expect(steps.getAttribute("aria-describedby")).toBe(said.id);
});
