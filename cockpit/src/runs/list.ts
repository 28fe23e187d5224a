/** The run list as a value: what is shown, and which new runs wait for the reader. Pure. */

import type { Failure } from "../graphql/failure";
import type { RunRowFragment } from "../graphql/generated/graphql";

export interface Page {
  readonly nodes: readonly RunRowFragment[];
  readonly totalCount: number;
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor?: string | null };
}

export interface RunList {
  readonly state: "loading" | "ready";
  readonly runs: readonly RunRowFragment[];
  readonly total: number;
  /** Cursor of the next page; null when all are here. */
  readonly next: string | null;
  /** Runs that appeared since, by id; they wait for a click. */
  readonly waiting: ReadonlySet<string>;
  readonly failure: Failure | null;
}

export const EMPTY_LIST: RunList = {
  state: "loading",
  runs: [],
  total: 0,
  next: null,
  waiting: new Set(),
  failure: null,
};

export type RunsAction =
  | { type: "asked" }
  | { type: "loaded"; page: Page }
  | { type: "continued"; page: Page }
  | { type: "changed"; runs: readonly RunRowFragment[] }
  | { type: "failed"; failure: Failure };

export function reduceRuns(list: RunList, action: RunsAction): RunList {
  switch (action.type) {
    case "asked":
      return { ...list, state: "loading" };
    case "loaded":
      return { ...paged(action.page), runs: action.page.nodes, waiting: new Set() };
    case "continued":
      return {
        ...paged(action.page),
        runs: joined(list.runs, action.page.nodes),
        waiting: list.waiting,
      };
    case "changed":
      return changed(list, action.runs);
    case "failed":
      return { ...list, state: "ready", failure: action.failure };
  }
}

function paged(page: Page) {
  const next = page.pageInfo.hasNextPage ? (page.pageInfo.endCursor ?? null) : null;
  return { state: "ready" as const, total: page.totalCount, next, failure: null };
}

function joined(
  shown: readonly RunRowFragment[],
  more: readonly RunRowFragment[],
): readonly RunRowFragment[] {
  const known = new Set(shown.map(({ id }) => id));
  return [...shown, ...more.filter(({ id }) => !known.has(id))];
}

/** Rows keep their places; a run that is not shown only counts when it is newer than the list. */
function changed(list: RunList, runs: readonly RunRowFragment[]): RunList {
  const byId = new Map(runs.map((run) => [run.id, run]));
  const shown = list.runs.map((run) => byId.get(run.id) ?? run);
  const oldest = list.runs.at(-1)?.startedNs;
  const waiting = new Set(list.waiting);
  for (const run of runs) {
    const known = list.runs.some(({ id }) => id === run.id);
    const onPage =
      list.next === null || oldest === undefined || BigInt(run.startedNs) >= BigInt(oldest);
    if (!known && onPage) waiting.add(run.id);
  }
  return { ...list, runs: shown, waiting };
}
