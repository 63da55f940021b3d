import { cleanup, fireEvent, render, screen } from "@testing-library/preact";
import { decode } from "fast-png";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Region } from "../../src/api/types";
import { createEditor, type Editor } from "../../src/editor/editor";
import { MaskEditor } from "../../src/editor/MaskEditor";
import { createRaster } from "../../src/mask/label-raster";
import { decodeMask } from "../../src/mask/png";
import { rasterOf } from "../mask/text";

const REGIONS: Region[] = [
  { id: 0, name: "background", color: "#000000", mirrored: 0 },
  { id: 1, name: "left_eye", color: "#3333ff", mirrored: 2 },
  { id: 2, name: "right_eye", color: "#cc00cc", mirrored: 1 },
];

let editor: Editor;

beforeEach(() => {
  editor = createEditor(rasterOf("11..", "...."));
  render(<MaskEditor editor={editor} regions={REGIONS} />);
});
afterEach(cleanup);

const stage = () => screen.getByRole("application");
const button = (name: string) => screen.getByRole<HTMLButtonElement>("button", { name });

describe("the mask editor", () => {
  it("lists the regions, with what each has of the mask", () => {
    const names = screen.getAllByRole("radio").map((radio) => radio.closest("label")?.textContent);
    expect(names).toEqual(["background75%", "left eye25%", "right eye"]);
  });

  it("says what it would draw", () => {
    expect(stage().getAttribute("aria-label")).toBe("Mask of 4 by 2 pixels: brush, left eye, 1 pixel wide");
    fireEvent.click(screen.getByRole("radio", { name: /right eye/ }));
    fireEvent.click(button("Fill"));
    expect(editor.region.value).toBe(2);
    expect(stage().getAttribute("aria-label")).toBe("Mask of 4 by 2 pixels: fill with right eye");
    expect(button("Fill").getAttribute("aria-pressed")).toBe("true");
    expect(button("Brush").getAttribute("aria-pressed")).toBe("false");
  });

  it("mirrors, erases and undoes by its buttons, which rest when there is nothing to do", () => {
    expect([button("Undo").disabled, button("Redo").disabled]).toEqual([true, true]);
    fireEvent.click(button("Mirror, left becomes right"));
    expect(editor.raster.value).toEqual(rasterOf("..22", "...."));
    fireEvent.click(button("Erase everything"));
    expect(button("Erase everything").disabled).toBe(true);
    fireEvent.click(button("Undo"));
    fireEvent.click(button("Undo"));
    expect(editor.raster.value).toEqual(rasterOf("11..", "...."));
    expect(button("Redo").disabled).toBe(false);
  });

  it("saves the mask as a PNG that shows its colours and holds its labels", async () => {
    const saved: { name: string; blob: Blob }[] = [];
    const blobs = new Map<string, Blob>();
    const make = vi.spyOn(URL, "createObjectURL").mockImplementation((blob) => {
      blobs.set("blob:mask", blob as Blob);
      return "blob:mask";
    });
    const click = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (
      this: HTMLAnchorElement,
    ) {
      const blob = blobs.get(this.href);
      if (blob) saved.push({ name: this.download, blob });
    });
    fireEvent.click(button("Save the mask"));
    make.mockRestore();
    click.mockRestore();
    expect(saved.map(({ name, blob }) => [name, blob.type])).toEqual([["mask.png", "image/png"]]);
    const bytes = new Uint8Array((await saved[0]?.blob.arrayBuffer()) ?? new ArrayBuffer());
    expect(decodeMask(bytes)).toEqual(rasterOf("11..", "...."));
    expect(decode(bytes).palette).toEqual([
      [0, 0, 0],
      [51, 51, 255],
      [204, 0, 204],
    ]);
  });

  it("takes keys in itself and on the bare page, not those of other fields", () => {
    fireEvent.keyDown(button("Brush"), { key: "e" });
    expect(editor.tool.value).toBe("eraser");
    fireEvent.keyDown(document.body, { key: "l" });
    expect(editor.tool.value).toBe("lasso");
    const field = document.body.appendChild(document.createElement("textarea"));
    fireEvent.keyDown(field, { key: "f" });
    field.remove();
    expect(editor.tool.value).toBe("lasso");
    fireEvent.keyDown(stage(), { key: "m" });
    expect(editor.raster.value).toEqual(rasterOf("..22", "...."));
  });

  it("tells what the keyboard's cursor is over, aloud", () => {
    editor.replace(createRaster(9, 9));
    editor.brushSize.value = 24;
    fireEvent.keyDown(stage(), { key: "ArrowRight" });
    const place = screen.getByText("background at 8, 4");
    expect(place.getAttribute("aria-live")).toBe("polite");
  });

  it("has brushes of every size, and shows the mask's cover only over a photo", () => {
    const size = screen.getByRole("slider", { name: /Size/ });
    fireEvent.input(size, { target: { value: "0" } });
    expect(editor.brushSize.value).toBe(1);
    fireEvent.input(size, { target: { value: "100" } });
    expect(editor.brushSize.value).toBe(400);
    expect(size.getAttribute("aria-valuetext")).toBe("400 pixels");
    expect(screen.queryByRole("slider", { name: /Mask/ })).toBe(null);
  });
});
