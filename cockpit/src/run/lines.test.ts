import { expect, test } from "vitest";
import { Columns, NO_PARENT } from "../runstore/columns";
import { gapOf, stepFrom, withGaps } from "./lines";

test("a gap stands before the first step that came after it", () => {
  const columns = new Columns();
  for (const sequence of [0, 4, 9]) {
    columns.put({
      sequence,
      parent: NO_PARENT,
      kind: 0,
      name: "m",
      lane: 0,
      depth: 0,
      flags: 0,
      start: 0,
      end: 1,
      tokens: 0,
      microUsd: 0,
    });
  }
  const gaps = [
    { seq: 3, count: 12, reason: "queue full" },
    { seq: 20, count: 1, reason: "overload" },
  ];
  const lines = withGaps(Uint32Array.of(0, 1, 2), columns, gaps);

  expect([...lines]).toEqual([0, -1, 1, 2, -2]);
  expect([...lines].map(gapOf)).toEqual([-1, 0, -1, -1, 1]);
  expect([stepFrom(lines, 0, 1), stepFrom(lines, 3, 1), stepFrom(lines, 2, -1)]).toEqual([2, 3, 0]);
});
