import fc from "fast-check";
import { expect, test } from "vitest";
import { lineAt, lineCount, lineOf, neighbour, type SegmentOptions, segmentsOf } from "./segments";

const plain: SegmentOptions = {
  total: 20,
  changed: [9, 12],
  unfolded: new Set(),
  onlyChanges: false,
};

test("runs of six and more equal rows fold, shorter ones stand", () => {
  expect(segmentsOf(plain)).toEqual([
    { type: "fold", from: 0, to: 9, line: 0 },
    { type: "rows", from: 9, to: 13, line: 1 },
    { type: "fold", from: 13, to: 20, line: 5 },
  ]);
});

test("an unfolded run shows all of its rows", () => {
  const segments = segmentsOf({ ...plain, unfolded: new Set([13]) });

  expect(lineAt(segments, 5)).toEqual({ type: "row", index: 13 });
  expect(lineCount(segments)).toBe(12);
});

test("only changes leaves equal rows out", () => {
  const segments = segmentsOf({ ...plain, onlyChanges: true });

  expect([0, 1, 2].map((line) => lineAt(segments, line))).toEqual([
    { type: "row", index: 9 },
    { type: "row", index: 12 },
    null,
  ]);
  expect(lineOf(segments, 10)).toBe(1);
});

test("nothing changed: one fold; no rows: no line", () => {
  expect(lineCount(segmentsOf({ ...plain, changed: [] }))).toBe(1);
  expect(lineCount(segmentsOf({ ...plain, total: 0, changed: [] }))).toBe(0);
});

test("every row stands at one line, in order, or in a fold of at least six", () => {
  const options = fc
    .record({
      total: fc.integer({ min: 0, max: 60 }),
      picks: fc.array(fc.nat(59)),
      open: fc.array(fc.nat(59)),
    })
    .map(({ total, picks, open }) => ({
      total,
      changed: [...new Set(picks.filter((at) => at < total))].sort((a, b) => a - b),
      unfolded: new Set(open),
      onlyChanges: false,
    }));
  fc.assert(
    fc.property(options, (given) => {
      const segments = segmentsOf(given);
      let next = 0;
      for (let line = 0; line < lineCount(segments); line++) {
        const found = lineAt(segments, line);
        const from = found?.type === "fold" ? found.from : (found?.index ?? -1);
        const to = found?.type === "fold" ? found.to : from + 1;
        expect(from).toBe(next);
        if (found?.type === "fold") expect(to - from).toBeGreaterThanOrEqual(6);
        for (let row = from; row < to; row++) expect(lineOf(segments, row)).toBe(line);
        next = to;
      }
      expect(next).toBe(given.total);
    }),
  );
});

test("the next and the previous change, and none beyond the last", () => {
  expect(neighbour([3, 8, 9], 3, 1)).toBe(8);
  expect(neighbour([3, 8, 9], 8, -1)).toBe(3);
  expect(neighbour([3, 8, 9], 9, 1)).toBeNull();
  expect(neighbour([3, 8, 9], -1, 1)).toBe(3);
});
