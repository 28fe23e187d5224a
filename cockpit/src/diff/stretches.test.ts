import fc from "fast-check";
import { expect, test } from "vitest";
import { coalesce, foldEqual, type Hunk, readsApart } from "./stretches";

const side = (hunks: readonly Hunk[], sign: "-" | "+") =>
  hunks
    .filter(([own]) => own === "=" || own === sign)
    .map(([, text]) => text)
    .join("");

const hunk = fc.tuple(
  fc.constantFrom<"=" | "-" | "+">("=", "-", "+"),
  fc.oneof(fc.constant(" "), fc.constant("\n"), fc.string({ maxLength: 400 })),
);

test("changed words with blanks between them become one removal and one addition", () => {
  expect(
    coalesce([
      ["-", "I"],
      ["+", "Your"],
      ["=", " "],
      ["-", "have"],
      ["+", "account"],
      ["=", " is fine"],
    ]),
  ).toEqual([
    ["-", "I have"],
    ["+", "Your account"],
    ["=", " is fine"],
  ]);
});

test("neither side loses or gains a character", () => {
  fc.assert(
    fc.property(fc.array(hunk), (hunks) => {
      const joined = coalesce(hunks);
      expect(side(joined, "-")).toBe(side(hunks, "-"));
      expect(side(joined, "+")).toBe(side(hunks, "+"));
    }),
  );
});

test("folding hides equal text only, and keeps all of it", () => {
  fc.assert(
    fc.property(fc.array(hunk), (hunks) => {
      const stretches = foldEqual(hunks);
      expect(stretches.map(({ text }) => text).join("")).toBe(
        hunks.map(([, text]) => text).join(""),
      );
    }),
  );
});

test("a long equal middle folds between its ends", () => {
  const text = "word ".repeat(200);
  const stretches = foldEqual([
    ["-", "a"],
    ["=", text],
    ["+", "b"],
  ]);

  expect(stretches.map(({ type }) => type)).toEqual(["hunk", "hunk", "equal", "hunk", "hunk"]);
});

test("texts with little in common stand apart", () => {
  const confetti: Hunk[] = Array.from({ length: 12 }, (_, at) => [at % 2 ? "-" : "+", "words"]);

  expect(readsApart([...confetti, ["=", " "]])).toBe(true);
  expect(
    readsApart([
      ["=", "a long text that is the same"],
      ["-", "x"],
      ["+", "y"],
    ]),
  ).toBe(false);
});
