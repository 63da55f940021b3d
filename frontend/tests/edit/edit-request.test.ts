import { expect, test } from "vitest";
import { fromBase64 } from "../../src/api/base64";
import { editRequest } from "../../src/edit/edit-request";
import { decodeMask } from "../../src/mask/png";
import { NEW_EDIT, NEW_REQUEST } from "../../src/state/request";
import { MODEL, result } from "../studio-server";

const OLD = { width: 4, height: 1, labels: Uint8Array.from([13, 13, 1, 0]) };
const NEW = { width: 4, height: 1, labels: Uint8Array.from([14, 13, 1, 0]) };
const SOURCE = { kind: "result", result: result("7", { seed: 5, prompt: "a man" }), oldMask: OLD } as const;
const REQUEST = { ...NEW_REQUEST, caption: "a man", seed: 6 };

test("both masks are sent as they are, to the pixel", () => {
  const sent = editRequest(SOURCE, null, NEW, REQUEST, NEW_EDIT, MODEL);
  expect(decodeMask(fromBase64(sent.old_mask ?? ""))).toEqual(OLD);
  expect(decodeMask(fromBase64(sent.mask ?? ""))).toEqual(NEW);
  expect(sent).toMatchObject({
    result: "7",
    seed: 6,
    prompt: "a man",
    regions: null,
    depth: 1,
    border: null,
  });
  expect(sent.image).toBeUndefined();
});

test("what was chosen is sent", () => {
  const edit = { regions: ["hair", "hat"], depth: 0.4, border: 0 };
  expect(editRequest(SOURCE, null, NEW, { ...REQUEST, count: 3 }, edit, MODEL)).toMatchObject({
    ...edit,
    count: 3,
  });
});

test("the picture's own seed is left out, so that the studio can tell that nothing would change", () => {
  expect(editRequest(SOURCE, null, NEW, { ...REQUEST, seed: 5 }, NEW_EDIT, MODEL).seed).toBeNull();
  expect(editRequest(SOURCE, null, NEW, { ...REQUEST, seed: 5, count: 2 }, NEW_EDIT, MODEL).seed).toBe(5);
});

test("what is back at the default is sent, or the picture's own would hold", () => {
  const made = result("7", { steps: 30, guidance: 5, mask_strength: 2, mask_window: [0.8, 0.1] });
  expect(editRequest({ ...SOURCE, result: made }, null, NEW, REQUEST, NEW_EDIT, MODEL)).toMatchObject({
    steps: MODEL.steps,
    guidance: MODEL.guidance,
    mask_strength: 1,
    mask_window: [1, 0],
  });
  expect(editRequest(SOURCE, null, NEW, REQUEST, NEW_EDIT, MODEL).mask_window).toBeNull();
});

test("words that were erased are no words, not the picture's own", () => {
  expect(editRequest(SOURCE, null, NEW, { ...REQUEST, caption: " " }, NEW_EDIT, MODEL).prompt).toBe("");
  const wordless = { ...SOURCE, result: result("7", { prompt: null }) };
  expect(editRequest(wordless, null, NEW, { ...REQUEST, caption: "" }, NEW_EDIT, MODEL).prompt).toBeNull();
});

test("a photograph is sent byte by byte, with the mask that it was found to have", () => {
  const photo = Uint8Array.from({ length: 300 }, (_, at) => at % 256);
  const source = { kind: "photo", blob: new Blob([photo]), oldMask: OLD } as const;
  const sent = editRequest(source, photo, NEW, REQUEST, NEW_EDIT, MODEL);
  expect(fromBase64(sent.image ?? "")).toEqual(photo);
  expect(decodeMask(fromBase64(sent.old_mask ?? ""))).toEqual(OLD);
  expect(sent.result).toBeUndefined();
});
