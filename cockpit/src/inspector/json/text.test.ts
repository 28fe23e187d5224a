import { expect, test } from "vitest";
import { isLeftOut, pointerPart } from "../payload";
import { entriesOf, inShort, shapeOf } from "./text";

test("a value is told in one line of bounded length", () => {
  expect(inShort({ amount: 120, tags: ["a", "b"], note: null })).toBe(
    '{amount: 120, tags: ["a", "b"], note: null}',
  );
  expect(inShort(Array.from({ length: 9_000 }, (_, i) => i)).length).toBeLessThanOrEqual(120);
  expect(inShort("x".repeat(900)).length).toBeLessThanOrEqual(120);
});

test("hidden characters are shown even in a folded line", () => {
  expect(inShort({ "a\u202e": "b\u200b" })).toBe('{a⟨U+202E⟩: "b⟨U+200B⟩"}');
});

test("shapes, entries and pointers", () => {
  expect([null, [], {}, "", 0, true].map(shapeOf)).toEqual([
    "null",
    "array",
    "object",
    "string",
    "number",
    "boolean",
  ]);
  expect(entriesOf(["x"])).toEqual([["0", "x"]]);
  expect(pointerPart("a/b~c")).toBe("/a~1b~0c");
  expect([isLeftOut({ $truncated: true, size: 70_000 }), isLeftOut({})]).toEqual([true, false]);
});
