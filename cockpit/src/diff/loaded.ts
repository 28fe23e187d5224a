/** The rows of a comparison that are here: all that changed, and equal ones that were looked at. Pure. */

import type { Row, RowPage } from "./questions";

export interface Loaded {
  /** By index of the row. */
  readonly rows: ReadonlyMap<number, Row>;
  /** Indexes of `rows`, ascending. */
  readonly indexes: readonly number[];
  /** Indexes of the changed rows, ascending. */
  readonly changed: readonly number[];
  readonly cursors: ReadonlyMap<number, string>;
}

export const NOTHING_LOADED: Loaded = {
  rows: new Map(),
  indexes: [],
  changed: [],
  cursors: new Map(),
};

/** With the rows of a page; those known already are replaced. */
export function withPage(loaded: Loaded, page: RowPage): Loaded {
  const rows = new Map(loaded.rows);
  const cursors = new Map(loaded.cursors);
  for (const { cursor, node } of page.edges) {
    rows.set(node.index, node);
    cursors.set(node.index, cursor);
  }
  const indexes = [...rows.keys()].sort((one, other) => one - other);
  const changed = indexes.filter((index) => rows.get(index)?.class !== "same");
  return { rows, indexes, changed, cursors };
}

/** The first row of [from, to) that is not here; null if all are. */
export function firstMissing(loaded: Loaded, from: number, to: number): number | null {
  for (let index = from; index < to; index++) if (!loaded.rows.has(index)) return index;
  return null;
}

/** Cursor of the nearest known row before `index`; null at the beginning. */
export function cursorBefore({ indexes, cursors }: Loaded, index: number): string | null {
  let low = 0;
  let high = indexes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((indexes[middle] ?? 0) < index) low = middle + 1;
    else high = middle;
  }
  const before = indexes[low - 1];
  return before === undefined ? null : (cursors.get(before) ?? null);
}

/** The changed row where a step of A or B stands; null if it is not here. */
export function rowOfStep(loaded: Loaded, seqA: number | null, seqB: number | null): number | null {
  const side = seqB === null ? "left" : "right";
  const wanted = String(seqB ?? seqA);
  const found = loaded.changed.find((index) => loaded.rows.get(index)?.[side]?.sequence === wanted);
  return found ?? null;
}
