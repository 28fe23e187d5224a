import { expect, test } from "vitest";
import { firstMissing, NOTHING_LOADED, rowOfStep, withPage } from "./loaded";
import type { Row, RowPage } from "./questions";

function row(index: number, name: string): Row {
  const step = {
    sequence: String(index * 2),
    kind: "TOOL",
    name: "t",
    status: "OK",
    depth: 0,
    errorClass: null,
    replay: null,
  } as const;
  const left = name === "inserted" ? null : step;
  return { index, class: name, sub: null, how: "same", parts: [], left, right: step };
}

function page(...rows: Row[]): RowPage {
  return { totalCount: 0, pageInfo: { hasNextPage: false, endCursor: null }, nodes: rows };
}

const loaded = withPage(
  withPage(NOTHING_LOADED, page(row(7, "origin"), row(30, "inserted"))),
  page(row(0, "same"), row(1, "same")),
);

test("pages join in order, whatever order they come in", () => {
  expect(loaded.indexes).toEqual([0, 1, 7, 30]);
  expect(loaded.changed).toEqual([7, 30]);
});

test("the first row in view that is not here is asked for", () => {
  expect([firstMissing(loaded, [0, 1, 7, 29, 30]), firstMissing(loaded, [0, 30])]).toEqual([
    29,
    null,
  ]);
});

test("a root of the report is found by its step", () => {
  expect(rowOfStep(loaded, null, 60)).toBe(30);
  expect(rowOfStep(loaded, 14, 14)).toBe(7);
  expect(rowOfStep(loaded, 15, null)).toBeNull();
});
