import { signal } from "@preact/signals";
import { cleanup, render, screen } from "@testing-library/preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { App } from "../../src/app";
import { encodeMask } from "../../src/mask/png";
import type { Theme } from "../../src/state/theme";
import { Events, openStudio, painted, problem, result } from "../studio-server";

beforeEach(() => {
  localStorage.clear();
  vi.stubGlobal("EventSource", Events);
  vi.stubGlobal("createImageBitmap", async () => ({ width: 128, height: 128, close() {} }));
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

test("the button is in reach beside every part of the page, and a refusal does not take it away", async () => {
  const refusal = problem(422, "image: no", [{ field: "result", detail: "it is damaged" }]);
  const { studio } = await openStudio({
    "GET /results/1/picture.png": new Uint8Array(8),
    "GET /results/1/mask.png": encodeMask(painted()),
    "POST /edit": refusal,
  });
  await studio.editResult(result("1", { mask: true }));
  studio.edit.value = { ...studio.edit.value, regions: ["skin"] };
  render(<App studio={studio} theme={signal<Theme>("auto")} />);
  const button = screen.getByRole<HTMLButtonElement>("button", { name: "Draw it anew" });
  expect(button.closest("section")).toBeNull(); // the sections are what may be hidden
  button.click();
  await screen.findByText(/it is damaged|image: no/);
  await vi.waitFor(() => expect(button.disabled).toBe(false));
});
