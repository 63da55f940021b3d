import { signal } from "@preact/signals";
import { cleanup, fireEvent, render, screen } from "@testing-library/preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { App } from "../../src/app";
import type { Theme } from "../../src/state/theme";
import { createTheme } from "../../src/state/theme";
import { Events, job, openStudio, problem } from "../studio-server";

beforeEach(() => {
  localStorage.clear();
  vi.stubGlobal("EventSource", Events);
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const AUTO = signal<Theme>("auto");

test("Ctrl+Enter makes faces wherever the focus is, and brings them into view", async () => {
  const { studio, asked } = await openStudio({ "POST /generate": { jobs: [job("1")] } });
  const { container } = render(<App studio={studio} theme={AUTO} />);
  fireEvent.keyDown(screen.getByRole("textbox", { name: "Words" }), { key: "Enter", ctrlKey: true });
  await vi.waitFor(() => expect(asked.some(({ what }) => what === "POST /generate")).toBe(true));
  await vi.waitFor(() => expect(container.querySelector(".app")?.getAttribute("data-part")).toBe("faces"));
});

test("a question mark opens the keys, but not where it is written", async () => {
  const { studio } = await openStudio();
  render(<App studio={studio} theme={AUTO} />);
  fireEvent.keyDown(screen.getByRole("textbox", { name: "Words" }), { key: "?" });
  expect(screen.queryByRole("heading", { name: "Keyboard" })).toBeNull();
  fireEvent.keyDown(document.body, { key: "?" });
  await screen.findByRole("heading", { name: "Keyboard" });
});

test("a notice leads back to what was there", async () => {
  const { studio } = await openStudio();
  render(<App studio={studio} theme={AUTO} />);
  studio.change({ caption: "mine" });
  studio.begin({ raster: studio.editor.raster.value, request: { caption: "theirs" } }, "An example.");
  fireEvent.click(await screen.findByRole("button", { name: "Go back" }));
  expect(studio.request.value.caption).toBe("mine");
  await vi.waitFor(() => expect(screen.queryByText("An example.")).toBeNull());
});

test("a locked studio asks for its token, and opens with it", async () => {
  const { studio, answers } = await openStudio({
    "GET /models": problem(401, "send the studio's token"),
    "POST /session": { seconds: 3600 },
  });
  render(<App studio={studio} theme={AUTO} />);
  const token = screen.getByLabelText<HTMLInputElement>("Token");
  fireEvent.input(token, { target: { value: "a-token-of-letters" } });
  answers["GET /models"] = { models: [], regions: [], class_orders: [] };
  token.form?.requestSubmit();
  await screen.findByRole("textbox", { name: "Words" });
});

test("a studio that does not answer can be tried again", async () => {
  const { studio, answers } = await openStudio({ "GET /models": new Response("", { status: 502 }) });
  render(<App studio={studio} theme={AUTO} />);
  answers["GET /models"] = { models: [], regions: [], class_orders: [] };
  fireEvent.click(screen.getByRole("button", { name: "Try again" }));
  await screen.findByRole("textbox", { name: "Words" });
});

test("a broken stream is told in the header, until it is open again", async () => {
  const { studio } = await openStudio();
  render(<App studio={studio} theme={AUTO} />);
  Events.last.dispatchEvent(new Event("error"));
  await screen.findByText(/Connecting to the studio again/);
  Events.last.dispatchEvent(new Event("open"));
  await vi.waitFor(() => expect(screen.queryByText(/Connecting to the studio again/)).toBeNull());
});

test("the theme follows the system until it is chosen, and is kept", () => {
  const root = document.createElement("html");
  const theme = createTheme(root);
  expect(root.dataset.theme).toBe(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  theme.value = "dark";
  expect(root.dataset.theme).toBe("dark");
  expect(createTheme(document.createElement("html")).value).toBe("dark");
});
