import { cleanup, fireEvent, render, screen } from "@testing-library/preact";
import { useState } from "preact/hooks";
import { afterEach, expect, test, vi } from "vitest";
import { ConfirmDialog } from "../../src/ui/ConfirmDialog";
import { Dialog } from "../../src/ui/Dialog";

afterEach(cleanup);

function Page({ confirm }: { confirm: boolean }) {
  const [open, setOpen] = useState(false);
  const close = () => setOpen(false);
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        Open
      </button>
      {open &&
        (confirm ? (
          <ConfirmDialog title="Sure?" text="" action="Do it" onConfirm={() => {}} onClose={close} />
        ) : (
          <Dialog title="Window" onClose={close}>
            <button type="button" onClick={close}>
              Done
            </button>
          </Dialog>
        ))}
    </>
  );
}

test.each([
  ["Done", false],
  ["Close", false],
  ["Keep it", true],
  ["Do it", true],
])("after %s the focus is where it was before", async (way, confirm) => {
  render(<Page confirm={confirm} />);
  const opener = screen.getByRole("button", { name: "Open" });
  opener.focus();
  fireEvent.click(opener);
  const inside = await screen.findByRole("button", { name: way });
  await vi.waitFor(() => expect(screen.getByRole("dialog")).toHaveProperty("open", true));
  inside.focus();
  fireEvent.click(inside);
  await vi.waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(document.activeElement).toBe(opener);
});
