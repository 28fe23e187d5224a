/** What of a comparison is shown, and what its commands do. */

import { useCallback, useMemo, useState } from "react";
import { classOf } from "./loaded";
import type { Root } from "./report";
import {
  type Line,
  lineAt,
  lineCount,
  lineOf,
  neighbour,
  type Segment,
  segmentsOf,
} from "./segments";
import type { Comparison } from "./useComparison";
import { type Cursor, useCursor } from "./useCursor";

/** State of the page in the URL. */
export interface DiffSearch {
  readonly row?: number | undefined;
  readonly tab?: string | undefined;
  readonly only?: "changes" | undefined;
}

/** Writes the state into the URL; `visit` as a new place of the history. */
export type WriteSearch = (next: DiffSearch, visit: boolean) => void;

export interface View {
  readonly segments: readonly Segment[];
  readonly cursor: Cursor;
  /** Line of the cursor, -1 for none. */
  readonly line: number;
  readonly current: Line | null;
  readonly unfold: (from: number) => void;
  readonly toggleFolds: () => void;
  readonly toggleOnly: () => void;
  readonly move: (by: 1 | -1) => void;
  readonly change: (by: 1 | -1) => void;
  readonly toFirst: () => void;
  readonly toRoot: (root: Root) => void;
  /** To the next row of a class, from the end back to the first. */
  readonly toClass: (name: string) => void;
  readonly openOrUnfold: () => void;
}

export function useView(
  { compared, loaded }: Comparison,
  search: DiffSearch,
  onSearch: WriteSearch,
  narrow: boolean,
): View {
  const [unfolded, setUnfolded] = useState<ReadonlySet<number> | "all">(new Set());
  const first = compared?.first ?? null;
  const total = compared?.total ?? 0;
  const only = search.only === "changes";
  const write = useCallback(
    (row: number | undefined, visit: boolean) => onSearch({ ...search, row }, visit),
    [search, onSearch],
  );
  const start = { row: first, open: first !== null && !narrow };
  const cursor = useCursor(search.row, start, write);
  const segments = useMemo(
    () => segmentsOf({ total, changed: loaded.changed, unfolded, onlyChanges: only }),
    [total, loaded, unfolded, only],
  );
  const line = cursor.row === null ? -1 : lineOf(segments, cursor.row);
  const current = lineAt(segments, line);
  const to = (row: number | null | undefined, visit: boolean) => {
    if (row !== null && row !== undefined) cursor.go(row, { open: true, visit });
  };
  const unfold = (from: number) =>
    setUnfolded((old) => (old === "all" ? old : new Set([...old, from])));
  return {
    segments,
    cursor,
    line,
    current,
    unfold,
    toggleFolds: () => setUnfolded((old) => (old === "all" ? new Set() : "all")),
    toggleOnly: () => onSearch({ ...search, only: only ? undefined : "changes" }, false),
    move: (by) => {
      const last = lineCount(segments) - 1;
      const target = lineAt(segments, Math.max(0, Math.min(last, line + by)));
      if (target) cursor.go(target.type === "fold" ? target.from : target.index);
    },
    change: (by) => {
      const next = neighbour(loaded.changed, cursor.row ?? -1, by);
      if (next !== null) cursor.go(next);
    },
    toFirst: () => to(first, false),
    toRoot: (root) => to(root.row, true),
    toClass: (name) => {
      const rows = loaded.changed.filter((index) => classOf(loaded, index) === name);
      to(neighbour(rows, cursor.row ?? -1, 1) ?? rows[0], false);
    },
    openOrUnfold: () => {
      if (current?.type === "fold") unfold(current.from);
      else to(current?.index, false);
    },
  };
}
