import { expect, test } from "vitest";
import { fromBase64, toBase64 } from "../../src/api/base64";
import { createClient } from "../../src/api/client";
import { ProblemError } from "../../src/api/problem";
import { takeToken } from "../../src/api/token";
import { problem, serve } from "../studio-server";

test("the token is sent along, and none where there is none", async () => {
  const locked = serve({}, "a-token-of-letters");
  await locked.client.models();
  expect(locked.asked[0]?.authorization).toBe("Bearer a-token-of-letters");

  const open = serve({});
  await open.client.models();
  expect(open.asked[0]?.authorization).toBeNull();
});

test("files come through byte by byte", async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, value) => value);
  const { client } = serve({ "GET /results/1/mask.png": bytes });
  expect(await client.resultFile("1", "mask.png")).toEqual(bytes);
});

test("a file is sent as it is, and called what it is", async () => {
  let sent: Request | null = null;
  const client = createClient({
    baseUrl: "http://localhost",
    async fetch(request) {
      sent = request.clone() as Request;
      return new Response(new Uint8Array([1]));
    },
  });
  await client.readMask(new Blob([new Uint8Array([7, 0, 255])], { type: "text/plain" }), "SegFace");
  const request = sent as unknown as Request;
  expect(new Uint8Array(await request.arrayBuffer())).toEqual(new Uint8Array([7, 0, 255]));
  expect(request.headers.get("Content-Type")).toBe("application/octet-stream");
  expect(new URL(request.url).search).toBe("?order=SegFace");
});

test("a problem says why, which field, and when to come again", async () => {
  const errors = [{ field: "steps", detail: "must be 1 or more" }];
  const { client } = serve({
    "POST /generate": problem(503, "the queue is full", errors, { "Retry-After": "4" }),
  });
  const error = await client.generate({ count: 1, preview_every: 0, gates: false }).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(ProblemError);
  expect(error).toMatchObject({
    status: 503,
    message: "the queue is full",
    fields: errors,
    retryAfter: 4,
  });
});

test("an error that is no JSON, and no answer at all, are problems too", async () => {
  const { client } = serve({ "GET /jobs": new Response("<h1>Bad Gateway</h1>", { status: 502 }) });
  await expect(client.jobs()).rejects.toMatchObject({ name: "ProblemError", status: 502 });

  const alone = createClient({
    baseUrl: "http://localhost",
    fetch: () => Promise.reject(new TypeError("Failed to fetch")),
  });
  await expect(alone.jobs()).rejects.toMatchObject({ name: "ProblemError", status: 0 });
});

test("base64 is there and back, also beyond what a call takes as arguments", () => {
  const bytes = Uint8Array.from({ length: 200_001 }, (_, at) => (at * 31) % 256);
  const back = fromBase64(toBase64(bytes));
  expect(back.length).toBe(bytes.length);
  expect(back.every((byte, at) => byte === bytes[at])).toBe(true);
  expect(toBase64(new Uint8Array([77, 97, 110]))).toBe("TWFu");
});

test("the token is taken out of the address and kept for the tab", () => {
  sessionStorage.clear();
  history.replaceState(null, "", "/studio?x=1#token=secret-of-16-letters");
  expect(takeToken(location, history, sessionStorage).get()).toBe("secret-of-16-letters");
  expect(location.href).toMatch(/\/studio\?x=1$/);
  expect(takeToken(location, history, sessionStorage).get()).toBe("secret-of-16-letters");
});

test("without a storage the token is known until the page is left", () => {
  const token = takeToken(location, history, null);
  expect(token.get()).toBeNull();
  token.set(" secret-of-16-letters ");
  expect(token.get()).toBe("secret-of-16-letters");
});
