import { expect, test } from "vitest";
import { armWords, evidence, samplingWords, wordCounts } from "./causes";
import { readReport } from "./report";

const root = {
  row: 4,
  a: "r#4",
  b: "r#4",
  seqA: 9,
  seqB: 9,
  kind: "tool",
  name: "look",
  class: "origin",
  sub: "external",
  parts: ["out"],
  couldBeSampling: false,
  path: ["r#4"],
  tier: "content",
  word: "supported",
};
const { roots } = readReport({
  outcome: { by: "status", a: "ok", b: "error" },
  counts: {},
  coarse: 0,
  ambiguous: 0,
  totals: { steps: [1, 1], tokens: [0, 0], costMicros: [0, 0] },
  missing: [],
  roots: [
    root,
    {
      ...root,
      word: "verified",
      tier: "verified",
      revert: { n: 10, hits: 9, interval: [0.596, 0.982] },
      keep: { n: 10, hits: 0, interval: [0, 0.278] },
    },
    {
      ...root,
      word: "refuted",
      tier: "verified",
      revert: { n: 1, hits: 0 },
      keep: { n: 1, hits: 0 },
    },
    {
      ...root,
      word: "undetermined",
      tier: "verified",
      revert: { n: 5, hits: 0, stopped: 5, interval: [0, 1] },
      keep: { n: 5, hits: 0, interval: [0, 0.43] },
      apply: { n: 5, hits: 4, interval: [0.376, 0.964] },
      again: { n: 5, asB: 2 },
    },
  ],
});

test("the surest words come first", () => {
  expect(wordCounts(roots)).toBe("1 verified, 1 refuted, 1 undetermined, 1 supported");
});

test("rates carry their intervals where replays may differ, and none where one decides", () => {
  expect(roots.map(evidence)).toEqual([
    "",
    "revert 9/10 (60–98 %), keep 0/10 (0–28 %)",
    "revert 0/1, keep 0/1",
    "revert 0/5 (0–100 %), 5 stopped, keep 0/5 (0–43 %), A given it 4/5 (38–96 %)",
  ]);
  expect(roots.map(samplingWords).at(-1)).toContain("B's answer came in 2");
});

test("an arm says what it sets back, by the row numbers of the page", () => {
  expect(["baseline", "a", "a-3", "b", "b-3", "b-3-7"].map(armWords)).toEqual([
    "B replayed exactly",
    "A again, for its noise",
    "A given row 4 of B",
    "B as it is",
    "B with row 4 set back",
    "B with rows 4, 8 set back",
  ]);
});
