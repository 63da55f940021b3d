import { expect, test } from "vitest";
import { drawSeed, generateRequest, NEW_REQUEST, requestOf } from "../../src/state/request";
import { parseRequest } from "../../src/state/request-memory";
import { MODEL, result } from "../studio-server";

test("a new request leaves everything to the model", () => {
  expect(generateRequest(NEW_REQUEST, null, MODEL)).toEqual({
    prompt: null,
    seed: 0,
    count: 1,
    steps: null,
    guidance: null,
    mask_strength: null,
    region_strength: {},
    mask_window: null,
    preview_every: 3,
    mask: null,
    height: null,
    width: null,
    gates: false,
  });
});

test("what a result was made with is asked for again, field by field", () => {
  const made = result("1", {
    prompt: "an old man",
    seed: 9007199254740991,
    height: 256,
    width: 192,
    steps: 33,
    guidance: -1.5,
    mask_strength: 0.25,
    region_strength: { hair: 2, skin: 0 },
    mask_window: [0.9, 0.1],
    mask: true,
    gates: { steps: 33, planes: ["global"], rows: 8, columns: 8, times: [1] },
  });
  expect(generateRequest(requestOf(made), "bWFzaw==", MODEL)).toMatchObject({
    prompt: made.prompt,
    seed: made.seed,
    count: 1,
    steps: made.steps,
    guidance: made.guidance,
    mask_strength: made.mask_strength,
    region_strength: made.region_strength,
    mask_window: made.mask_window,
    mask: "bWFzaw==",
    height: made.height,
    width: made.width,
    gates: true,
  });
});

test("gates are asked for only where there are some", () => {
  const request = { ...NEW_REQUEST, gates: true };
  expect(generateRequest(request, null, MODEL).gates).toBe(false);
  expect(generateRequest(request, "bWFzaw==", { ...MODEL, gates: false }).gates).toBe(false);
  expect(generateRequest(request, "bWFzaw==", MODEL).gates).toBe(true);
});

test("words of blanks are no words, strengths of 1 need not be said", () => {
  const asked = generateRequest(
    { ...NEW_REQUEST, caption: "  \n", regionStrength: { hair: 1, hat: 1.5 } },
    null,
    MODEL,
  );
  expect(asked.prompt).toBeNull();
  expect(asked.region_strength).toEqual({ hat: 1.5 });
});

test("a request that was kept is the same; of anything else, what makes sense is taken", () => {
  const request = requestOf(
    result("1", { region_strength: { hair: 2 }, mask_window: [1, 0.5], steps: 7, guidance: 0 }),
  );
  expect(parseRequest(JSON.parse(JSON.stringify(request)))).toEqual(request);
  expect(parseRequest(undefined)).toEqual(NEW_REQUEST);
  expect(parseRequest([1, 2])).toEqual(NEW_REQUEST);
  expect(parseRequest({ caption: 3, seed: 1.5, steps: "9", regionStrength: { hair: "x", hat: 2 } })).toEqual({
    ...NEW_REQUEST,
    regionStrength: { hat: 2 },
  });
});

test("drawn seeds are what the API takes, and not always the same", () => {
  const seeds = Array.from({ length: 20 }, drawSeed);
  expect(seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0)).toBe(true);
  expect(new Set(seeds).size).toBeGreaterThan(10);
});
