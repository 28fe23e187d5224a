import { expect, test } from "vitest";
import { missingPhrases, outcomePhrase, readReport } from "./report";

const report = {
  outcome: { by: "status", a: "ok", b: "error" },
  counts: { same: 1 },
  coarse: 0,
  ambiguous: 0,
  roots: [],
  totals: { steps: [2, 1], tokens: [0, 0], costMicros: [null, null] },
  missing: [],
};

test("outcomes read in words", () => {
  const output = { by: "output", a: "x", b: "x" };

  expect(outcomePhrase(readReport(report))).toEqual({ text: "ok → error", equal: false });
  expect(outcomePhrase(readReport({ ...report, outcome: output }))).toEqual({
    text: "answers equal",
    equal: true,
  });
});

test("missing sections are grouped and say why", () => {
  expect(
    missingPhrases([
      { section: "payload", reason: "withheld", step: "r#1" },
      { section: "payload", reason: "withheld", step: "r#2" },
      { section: "cost", reason: "price_unknown" },
    ]),
  ).toEqual(["payload of 2 steps: payload withheld", "cost: price not known"]);
});

test("another format is refused, not half read", () => {
  expect(() => readReport({ verdict: "different" })).toThrow();
});
