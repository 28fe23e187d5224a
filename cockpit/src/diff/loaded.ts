/** The rows of a comparison that are here: all that changed, and equal ones that were looked at. Pure. */

import type { Row, RowPage } from "./questions";

export interface Loaded {
  /** By index of the row. */
  readonly rows: ReadonlyMap<number, Row>;
  /** Indexes of `rows`, ascending. */
  readonly indexes: readonly number[];
  /** Indexes of the changed rows, ascending. */
  readonly changed: readonly number[];
}

export const NOTHING_LOADED: Loaded = {
  rows: new Map(),
  indexes: [],
  changed: [],
};

/** With the rows of a page; those known already are replaced. */
export function withPage(loaded: Loaded, page: RowPage): Loaded {
  const rows = new Map(loaded.rows);
  const fresh: number[] = [];
  for (const node of page.nodes) {
    if (!rows.has(node.index)) fresh.push(node.index);
    rows.set(node.index, node);
  }
  const indexes = merged(loaded.indexes, fresh);
  const changed = indexes.filter((index) => rows.get(index)?.class !== "same");
  return { rows, indexes, changed };
}

/** Two ascending lists as one; pages come in order, so this is one pass. */
function merged(a: readonly number[], b: readonly number[]): readonly number[] {
  const [last = -1] = a.slice(-1);
  const [first = -1] = b;
  if (first > last) return [...a, ...b];
  return [...a, ...b].sort((one, other) => one - other);
}

/** The first of some rows that is not here; null if all are. */
export function firstMissing(loaded: Loaded, indexes: readonly number[]): number | null {
  return indexes.find((index) => !loaded.rows.has(index)) ?? null;
}

/** The changed row where a step of A or B stands; null if it is not here. */
export function rowOfStep(loaded: Loaded, seqA: number | null, seqB: number | null): number | null {
  const side = seqB === null ? "left" : "right";
  const wanted = String(seqB ?? seqA);
  const found = loaded.changed.find((index) => loaded.rows.get(index)?.[side]?.sequence === wanted);
  return found ?? null;
}
