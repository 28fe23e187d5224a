import { expect, test } from "vitest";
import {
  classOf,
  firstMissing,
  NOTHING_LOADED,
  onlyChangedMissing,
  withClasses,
  withPage,
  withStale,
} from "./loaded";
import type { Row, RowPage } from "./questions";

const NAMES = ["same", "origin", "inserted"];

function row(index: number, name: string): Row {
  return { index, class: name, sub: null, how: "same", parts: [], left: null, right: null };
}

function page(...rows: Row[]): RowPage {
  return { nodes: rows };
}

function classes(start: number, total: number, ...numbers: number[]) {
  return { start, total, class: btoa(String.fromCharCode(...numbers)), classes: NAMES };
}

const known = withClasses(NOTHING_LOADED, classes(0, 6, 0, 0, 1, 0, 2, 0));
const loaded = withPage(withPage(known, page(row(4, "inserted"))), page(row(0, "same")));

test("what has changed is known of rows that are not here", () => {
  expect(loaded.changed).toEqual([2, 4]);
  expect([0, 2, 4, 6].map((index) => classOf(loaded, index))).toEqual([
    "same",
    "origin",
    "inserted",
    "",
  ]);
});

test("a long comparison comes in stretches", () => {
  const first = withClasses(NOTHING_LOADED, classes(0, 5, 1, 0, 0));
  expect(withClasses(first, classes(3, 5, 0, 2)).changed).toEqual([0, 4]);
});

test("what changes in a growing run is shown until it has come again", () => {
  const grown = withClasses(withStale(loaded, 3), classes(3, 8, 0, 0, 0, 1, 0));
  expect([...grown.rows.keys()]).toEqual([4, 0]);
  expect(grown.changed).toEqual([2, 6]);
  expect([
    firstMissing(grown, [0, 4]),
    firstMissing(withPage(grown, page(row(4, "same"))), [4]),
  ]).toEqual([4, null]);
});

test("the first row in view that is not here is asked for", () => {
  expect([firstMissing(loaded, [0, 1, 4]), firstMissing(loaded, [0, 4])]).toEqual([1, null]);
});

test("equal rows are asked for only where one of them is in view", () => {
  expect([onlyChangedMissing(loaded, [0, 2, 4]), onlyChangedMissing(loaded, [1, 2])]).toEqual([
    true,
    false,
  ]);
});
