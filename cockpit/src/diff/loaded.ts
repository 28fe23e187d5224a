/** What is here of a comparison: the class of every row, and the rows that were looked at. Pure. */

import { u8 } from "../graphql/column";
import type { Classes, Row, RowPage } from "./questions";

export interface Loaded {
  /** By index of the row. */
  readonly rows: ReadonlyMap<number, Row>;
  /** Rows that are shown as they were before a run grew; they are asked for again. */
  readonly stale: ReadonlySet<number>;
  /** The class of each row as its number in `names`. */
  readonly classes: Uint8Array;
  readonly names: readonly string[];
  /** Indexes of the changed rows, ascending. */
  readonly changed: readonly number[];
}

export const NOTHING_LOADED: Loaded = {
  rows: new Map(),
  stale: new Set(),
  classes: new Uint8Array(),
  names: [],
  changed: [],
};

/** With the rows of a page; those known already are replaced. */
export function withPage(loaded: Loaded, page: RowPage): Loaded {
  const rows = new Map(loaded.rows);
  const stale = new Set(loaded.stale);
  for (const node of page.nodes) {
    rows.set(node.index, node);
    stale.delete(node.index);
  }
  return { ...loaded, rows, stale };
}

/** With the classes of a stretch of rows; the first stretch says how many there are. */
export function withClasses(loaded: Loaded, found: Classes): Loaded {
  const classes = new Uint8Array(found.total);
  classes.set(loaded.classes.subarray(0, found.total));
  classes.set(u8(found.class), found.start);
  const names = found.classes;
  const same = names.indexOf("same");
  const changed: number[] = [];
  for (let index = 0; index < classes.length; index++) {
    if (classes[index] !== same) changed.push(index);
  }
  return { ...loaded, classes, names, changed };
}

/** The rows from `from` on have changed: they are shown until they have come again. */
export function withStale(loaded: Loaded, from: number): Loaded {
  const stale = new Set([...loaded.rows.keys()].filter((index) => index >= from));
  return { ...loaded, stale: new Set([...loaded.stale, ...stale]) };
}

function isHere({ rows, stale }: Loaded, index: number): boolean {
  return rows.has(index) && !stale.has(index);
}

/** The class of a row, loaded or not. */
export function classOf(loaded: Loaded, index: number): string {
  return loaded.names[loaded.classes[index] ?? -1] ?? "";
}

/** The first of some rows that is not here; null if all are. */
export function firstMissing(loaded: Loaded, indexes: readonly number[]): number | null {
  return indexes.find((index) => !isHere(loaded, index)) ?? null;
}

/** Whether all of these rows that are not here have changed: then equal ones are not asked for. */
export function onlyChangedMissing(loaded: Loaded, indexes: readonly number[]): boolean {
  return indexes.every((index) => isHere(loaded, index) || classOf(loaded, index) !== "same");
}
