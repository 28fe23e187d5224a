import { expect, test } from "vitest";
import type { RunRowFragment } from "../graphql/generated/graphql";
import { EMPTY_LIST, type Page, reduceRuns } from "./list";

function run(id: string, startedNs: number, stepCount = 1): RunRowFragment {
  return {
    id,
    name: "agent",
    status: "OK",
    health: [],
    startedNs: String(startedNs),
    durationNs: "1",
    stepCount,
    errorCount: 0,
    gapCount: 0,
    head: "1",
    tokensIn: null,
    tokensOut: null,
    costMicroUsd: null,
    ordering: "recorded",
    errorClass: null,
    verdict: null,
    capabilities: [],
    tags: [],
    origin: null,
  };
}

function page(nodes: RunRowFragment[], endCursor: string | null = null): Page {
  return { nodes, totalCount: 9, pageInfo: { hasNextPage: endCursor !== null, endCursor } };
}

const ready = reduceRuns(EMPTY_LIST, {
  type: "loaded",
  page: page([run("b", 20), run("a", 10)], "more"),
});

test("a changed run is drawn where it stands", () => {
  const next = reduceRuns(ready, { type: "changed", runs: [run("a", 10, 7)] });

  expect(next.runs.map(({ id, stepCount }) => [id, stepCount])).toEqual([
    ["b", 1],
    ["a", 7],
  ]);
  expect(next.waiting.size).toBe(0);
});

test("new runs wait and move nothing; older ones of later pages do not count", () => {
  const next = reduceRuns(ready, { type: "changed", runs: [run("new", 30), run("old", 1)] });

  expect(next.runs).toEqual(ready.runs);
  expect([...next.waiting]).toEqual(["new"]);
  expect(reduceRuns(next, { type: "loaded", page: page([run("new", 30)]) }).waiting.size).toBe(0);
});

test("a next page that overlaps adds no run twice", () => {
  const next = reduceRuns(ready, { type: "continued", page: page([run("a", 10), run("z", 5)]) });

  expect(next.runs.map(({ id }) => id)).toEqual(["b", "a", "z"]);
  expect(next.next).toBeNull();
});
