import { cleanup, fireEvent, render, screen } from "@testing-library/preact";
import { afterEach, expect, test } from "vitest";
import { Compare } from "../../src/edit/Compare";

afterEach(cleanup);

test("the slider moves the line between before and after", () => {
  render(<Compare before="/old.png" after="/new.png" alt="a man" width={4} height={3} />);
  const slider = screen.getByRole("slider");
  const frame = slider.parentElement;
  expect(frame?.style.getPropertyValue("--place")).toBe("50%");
  fireEvent.input(slider, { target: { value: "90" } });
  expect(frame?.style.getPropertyValue("--place")).toBe("90%");
  expect(screen.getByText("before").hidden).toBe(false);
  expect(screen.getByText("after").hidden).toBe(true); // there is no room for it
  expect(screen.getByAltText("a man").getAttribute("src")).toBe("/new.png");
  expect(screen.getByAltText("Before the edit").getAttribute("src")).toBe("/old.png");
});
