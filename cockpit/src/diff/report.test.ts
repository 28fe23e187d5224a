import { expect, test } from "vitest";
import { editPhrases, missingPhrases, outcomePhrase, readReport, unprovenSides } from "./report";

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

test("a fork says what it changed, and whether anything proves its recording", () => {
  const edits = [
    { kind: "output", key: "r#3" },
    { kind: "model", key: null },
  ];
  const fork = { side: "b", verdict: "forked", guard: null, edits, soft: ["baseline_unproven"] };
  const read = readReport({ ...report, replays: [fork] });

  expect(editPhrases(read)).toEqual(["B: output of r#3, model from the cut on"]);
  expect(unprovenSides(read)).toEqual(["B"]);
  expect(unprovenSides(readReport(report))).toEqual([]);
});

test("another format is refused, not half read", () => {
  expect(() => readReport({ verdict: "different" })).toThrow();
});
