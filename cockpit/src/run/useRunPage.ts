/** The state of the run page: what the URL and the store say together, and what can be done to it. */

import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useCallback, useDeferredValue, useMemo } from "react";
import { Flag, KINDS } from "../runstore/columns";
import { matches, type Tree, visibleRows } from "../runstore/rows";
import type { RunStore } from "../runstore/store";
import { useConnectionLost, useOptionalRunStore } from "../runstore/useRunStore";
import type { View } from "../timeline/view";
import { readFolds, readStepQuery, writeFolds } from "./folds";
import { withGaps } from "./lines";
import { useAgreement } from "./useAgreement";

export interface RunActions {
  readonly change: (next: Record<string, unknown>) => void;
  /** Chooses a step and unfolds what hides it; `push` leaves a step in the history. */
  readonly select: (row: number, push?: boolean) => void;
  readonly fold: (row: number) => void;
  readonly follow: () => void;
  readonly rest: (view: View | null) => void;
}

export function useRunActions(store: RunStore, folds: ReadonlySet<number>): RunActions {
  const navigate = useNavigate();
  const { columns, runId } = store;
  const change = useCallback(
    (next: Record<string, unknown>) =>
      void navigate({
        to: ".",
        search: (old: Record<string, unknown>) => ({ ...old, ...next }),
        replace: true,
      }),
    [navigate],
  );
  const select = useCallback(
    (row: number, push = true) => {
      if (row < 0 || row >= columns.count) return;
      const fold = writeFolds(unfolded(folds, columns.sequence, store.tree(), row));
      void navigate({
        to: "/runs/$run/steps/$step",
        params: { run: runId, step: String(columns.sequence[row]) },
        search: (old: Record<string, unknown>) => ({ ...old, follow: undefined, fold }),
        replace: !push,
      });
    },
    [columns, navigate, runId, folds, store],
  );
  const fold = useCallback(
    (row: number) => {
      const next = new Set(folds);
      const sequence = columns.sequence[row] ?? 0;
      if (!next.delete(sequence)) next.add(sequence);
      change({ fold: writeFolds(next) });
    },
    [folds, columns, change],
  );
  const follow = useCallback(
    () =>
      void navigate({
        to: "/runs/$run",
        params: { run: runId },
        search: (old: Record<string, unknown>) => ({
          ...old,
          follow: 1 as const,
          from: undefined,
          to: undefined,
        }),
        replace: true,
      }),
    [navigate, runId],
  );
  const rest = useCallback(
    (view: View | null) =>
      change({
        from: view ? Math.round(view.from) : undefined,
        to: view ? Math.round(view.to) : undefined,
      }),
    [change],
  );
  return { change, select, fold, follow, rest };
}

/** Folds without those that hide `row`. */
function unfolded(
  folds: ReadonlySet<number>,
  sequence: Uint32Array,
  tree: Tree,
  row: number,
): ReadonlySet<number> {
  const next = new Set(folds);
  for (let at = tree.parent[row] ?? -1; at >= 0; at = tree.parent[at] ?? -1) {
    next.delete(sequence[at] ?? -1);
  }
  return next;
}

export function useRunPage(store: RunStore) {
  const search = useSearch({ from: "/runs/$run" });
  const { step } = useParams({ strict: false });
  const { columns, facts, version } = store;
  const lost = useConnectionLost() && store.running;
  const following = search.follow === 1 && store.running && step === undefined;
  const folds = useMemo(() => readFolds(search.fold), [search.fold]);
  const line = useDeferredValue(search.q ?? "");
  const query = useMemo(() => readStepQuery(line, KINDS), [line]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version stands for the columns.
  const folded = useMemo(
    () => new Set([...folds].map((sequence) => columns.rowOf(sequence))),
    [folds, columns, version],
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version stands for the columns.
  const hits = useMemo(() => matches(columns, query), [columns, query, version]);
  const tree = store.tree();
  const rows = useMemo(() => visibleRows(tree, folded, hits), [tree, folded, hits]);
  const lines = useMemo(() => withGaps(rows, columns, store.gaps), [rows, columns, store.gaps]);
  const base = search.base ?? facts?.origin?.runId ?? null;
  return {
    search,
    lost,
    following,
    folded,
    hits,
    rows,
    lines,
    base,
    selected: selectedRow(store, step, following),
    recording: useOptionalRunStore(base),
    agreement: useAgreement(store, base),
    axis: search.axis ?? ("time" as const),
    view: windowOf(search.from, search.to),
    actions: useRunActions(store, folds),
  };
}

export type RunPageState = ReturnType<typeof useRunPage>;

/** The step of the path; else, when following, the last one; else the one that matters. */
function selectedRow(store: RunStore, step: string | undefined, following: boolean): number {
  const { columns, facts } = store;
  if (step !== undefined) return columns.rowOf(Number(step));
  if (following) return columns.count - 1;
  return columns.rowOf(Number(facts?.openingStep?.sequence ?? -1));
}

function windowOf(from: number | undefined, to: number | undefined): View | null {
  return from !== undefined && to !== undefined && to > from ? { from, to } : null;
}

/** Number of the first step that left the recording; null without one. */
export function firstDiverged({ columns }: RunStore): number | null {
  for (let row = 0; row < columns.count; row++) {
    if ((columns.flags[row] ?? 0) & Flag.diverged) return columns.sequence[row] ?? null;
  }
  return null;
}

/** Rows the timeline needs. */
export function laneCount({ columns }: RunStore): number {
  let last = 0;
  for (let row = 0; row < columns.count; row++) last = Math.max(last, columns.lane[row] ?? 0);
  return last + 1;
}
