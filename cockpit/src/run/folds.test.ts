import { expect, test } from "vitest";
import { readFolds, readStepQuery, writeFolds } from "./folds";

test("folds survive the URL and nonsense in it does not", () => {
  expect(writeFolds(readFolds("12.45.x.-3.7"))).toBe("12.45.7");
  expect(writeFolds(new Set())).toBeUndefined();
});

test("the tree's filter knows errors, kinds and text", () => {
  expect(readStepQuery("error kind:tool refund", ["MODEL", "RETRIEVER", "TOOL"])).toEqual({
    text: "refund",
    kinds: 4,
    errorsOnly: true,
  });
});
