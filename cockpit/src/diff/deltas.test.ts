import { expect, test } from "vitest";
import { changedMessages, changedParts, readDelta } from "./deltas";

test("a delta of the engine reads as it is", () => {
  const value = {
    prompt: {
      messages: [
        { op: "same", a: [0, 2], b: [0, 2] },
        { op: "changed", a: 2, b: 2, role: "tool", words: [["-", "x"]], changes: [] },
        { op: "added", b: 3, message: { role: "user", content: "y" } },
      ],
    },
    parts: { params: [{ pointer: "/temperature", op: "replace", a: 0, b: 1 }] },
    output: { kind: "text", words: [["+", "z"]], ratio: 0 },
  };
  const delta = readDelta(value);

  expect(delta).toEqual(value);
  expect(changedMessages(delta.prompt?.messages)).toBe(2);
  expect(changedParts(delta)).toBe(1);
});

test("a section that is not understood is named as missing, the others still read", () => {
  const delta = readDelta({
    output: { kind: "hologram" },
    parts: { args: [] },
    missing: [{ section: "part:messages", reason: "blob_missing" }],
  });

  expect(delta.parts).toEqual({ args: [] });
  expect(delta.missing).toEqual([
    { section: "output", reason: "codec_mismatch" },
    { section: "part:messages", reason: "blob_missing" },
  ]);
});
