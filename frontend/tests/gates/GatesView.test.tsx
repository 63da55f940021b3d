import { cleanup, fireEvent, render, screen } from "@testing-library/preact";
import { encode } from "fast-png";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { GatesView } from "../../src/gates/GatesView";
import { encodeMask } from "../../src/mask/png";
import { createStudio } from "../../src/state/create-studio";
import { Events, problem, result, serve } from "../studio-server";

const GATES = {
  steps: 3,
  planes: ["mask", "background", "skin", "nose"],
  rows: 1,
  columns: 2,
  times: [1, 0.75, 0.5],
};
// Three steps of four planes of two places; background on the left, skin on the right, no nose.
const WEIGHTS = [
  [51, 51, 204, 204, 0, 0, 0, 0],
  [51, 51, 102, 51, 102, 153, 0, 0],
  [0, 0, 0, 0, 255, 255, 0, 0],
];
const MASK = { width: 2, height: 1, labels: Uint8Array.from([0, 1]) };
const MADE = result("7", { mask: true, gates: GATES });

beforeEach(() => {
  localStorage.clear();
  vi.stubGlobal("EventSource", Events);
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

async function looking(gates: unknown) {
  const { client } = serve({
    "GET /results/7/gates.png": gates,
    "GET /results/7/mask.png": encodeMask(MASK),
  });
  const studio = createStudio(client, { get: () => null, set: () => undefined });
  await studio.start();
  render(<GatesView studio={studio} result={MADE} onClose={() => undefined} />);
}

const PNG = encode({ width: 8, height: 3, channels: 1, depth: 8, data: Uint8Array.from(WEIGHTS.flat()) });

test("step, time and weights are told, and move with the arrows", async () => {
  await looking(PNG);
  const heading = await screen.findByRole("heading", { name: "whole mask" });
  expect(heading).toBeTruthy();
  expect(screen.getByText("step 1 of 3, time 1.00")).toBeTruthy();

  fireEvent.click(screen.getByRole("button", { name: /^skin/ }));
  expect(await screen.findByRole("heading", { name: "skin" })).toBeTruthy();
  fireEvent.keyDown(document, { key: "ArrowRight" });
  expect(await screen.findByText("step 2 of 3, time 0.75")).toBeTruthy();
  // 102 and 153 of 255, of which the right place is skin
  expect(screen.getByText("60 % in its own region")).toBeTruthy();
  expect(screen.getByText("50 % everywhere")).toBeTruthy();
  for (let press = 0; press < 5; press++) fireEvent.keyDown(document, { key: "ArrowRight" });
  expect(await screen.findByText("step 3 of 3, time 0.50")).toBeTruthy();
  for (let press = 0; press < 9; press++) fireEvent.keyDown(document, { key: "ArrowLeft" });
  expect(await screen.findByText("step 1 of 3, time 1.00")).toBeTruthy();
});

test("regions that the mask lacks are behind a fold", async () => {
  await looking(PNG);
  expect(await screen.findByText("1 whose region is not in this mask")).toBeTruthy();
});

test("gates that cannot be read are told", async () => {
  await looking(problem(404, "there is no gates.png of a result 7"));
  expect((await screen.findByRole("alert")).textContent).toContain("there is no gates.png");
});

test("played, the steps go by to the last one, and again from the first", async () => {
  await looking(PNG);
  const play = await screen.findByRole("button", { name: "Play" });
  vi.useFakeTimers();
  try {
    fireEvent.click(play);
    for (const step of [2, 3]) {
      await vi.advanceTimersByTimeAsync(500);
      expect(screen.getByText(new RegExp(`step ${step} of 3`))).toBeTruthy();
    }
    await vi.advanceTimersByTimeAsync(1000);
    fireEvent.click(screen.getByRole("button", { name: "Play" })); // it has stopped by itself
    await vi.advanceTimersByTimeAsync(100);
    expect(screen.getByText(/step 1 of 3/)).toBeTruthy();
  } finally {
    vi.useRealTimers();
  }
});
