/** Which steps a tree shows, in which order: one pure function for tree and waterfall. */

import { type Columns, Flag, NO_PARENT } from "./columns";

/** The tree over columns: links by row index, -1 for none. Built once per change of structure. */
export interface Tree {
  readonly parent: Int32Array;
  readonly firstChild: Int32Array;
  readonly nextSibling: Int32Array;
  /** Rows in the order of a walk from the roots, children after their parent. */
  readonly order: Uint32Array;
  readonly depth: Uint8Array;
  /** Errors strictly below a row. */
  readonly errorsBelow: Uint32Array;
  /** One after the last row below a row: its extent on the axis of steps. */
  readonly spanEnd: Uint32Array;
}

/** Links every step to its parent; a step whose parent is not known stands at the top. O(n). */
export function buildTree(columns: Columns): Tree {
  const n = columns.count;
  const parent = new Int32Array(n).fill(-1);
  const firstChild = new Int32Array(n).fill(-1);
  const lastChild = new Int32Array(n).fill(-1);
  const nextSibling = new Int32Array(n).fill(-1);
  const roots: number[] = [];
  for (let row = 0; row < n; row++) {
    const sequence = columns.parent[row] ?? NO_PARENT;
    const above = sequence === NO_PARENT ? -1 : columns.rowOf(sequence);
    if (above < 0 || above >= row) {
      roots.push(row);
      continue;
    }
    parent[row] = above;
    const last = lastChild[above] ?? -1;
    if (last < 0) firstChild[above] = row;
    else nextSibling[last] = row;
    lastChild[above] = row;
  }
  const order = walk(roots, firstChild, nextSibling, parent, n);
  return {
    parent,
    firstChild,
    nextSibling,
    order,
    depth: depths(parent),
    errorsBelow: errors(columns, parent),
    spanEnd: spans(parent),
  };
}

function walk(
  roots: readonly number[],
  firstChild: Int32Array,
  nextSibling: Int32Array,
  parent: Int32Array,
  n: number,
): Uint32Array {
  const order = new Uint32Array(n);
  let length = 0;
  for (const root of roots) {
    let row = root;
    while (row >= 0) {
      order[length++] = row;
      const child = firstChild[row] ?? -1;
      row = child >= 0 ? child : following(row, nextSibling, parent);
    }
  }
  return order;
}

function following(row: number, nextSibling: Int32Array, parent: Int32Array): number {
  let at = row;
  while (at >= 0) {
    const sibling = nextSibling[at] ?? -1;
    if (sibling >= 0) return sibling;
    at = parent[at] ?? -1;
  }
  return -1;
}

function depths(parent: Int32Array): Uint8Array {
  const depth = new Uint8Array(parent.length);
  for (let row = 0; row < parent.length; row++) {
    const above = parent[row] ?? -1;
    if (above >= 0) depth[row] = Math.min(255, (depth[above] ?? 0) + 1);
  }
  return depth;
}

function spans(parent: Int32Array): Uint32Array {
  const end = new Uint32Array(parent.length);
  for (let row = parent.length - 1; row >= 0; row--) {
    end[row] = Math.max(end[row] ?? 0, row + 1);
    const above = parent[row] ?? -1;
    if (above >= 0) end[above] = Math.max(end[above] ?? 0, end[row] ?? 0);
  }
  return end;
}

function errors(columns: Columns, parent: Int32Array): Uint32Array {
  const below = new Uint32Array(parent.length);
  for (let row = parent.length - 1; row >= 0; row--) {
    const above = parent[row] ?? -1;
    if (above < 0) continue;
    const own = (columns.flags[row] ?? 0) & Flag.error ? 1 : 0;
    below[above] = (below[above] ?? 0) + (below[row] ?? 0) + own;
  }
  return below;
}

export interface StepQuery {
  /** Lower-case text that the name must contain. */
  readonly text: string;
  /** Bit per kind index; 0 lets all kinds through. */
  readonly kinds: number;
  readonly errorsOnly: boolean;
}

export const ALL_STEPS: StepQuery = { text: "", kinds: 0, errorsOnly: false };

/** 1 for every row that the query names; null when it names all. */
export function matches(columns: Columns, query: StepQuery): Uint8Array | null {
  if (!query.text && !query.kinds && !query.errorsOnly) return null;
  const named = columns.names.map((name) => name.toLowerCase().includes(query.text));
  const hits = new Uint8Array(columns.count);
  for (let row = 0; row < columns.count; row++) {
    const kind = 1 << (columns.kind[row] ?? 0);
    const failed = (columns.flags[row] ?? 0) & Flag.error;
    if (query.kinds && !(query.kinds & kind)) continue;
    if (query.errorsOnly && !failed) continue;
    if (named[columns.name[row] ?? 0]) hits[row] = 1;
  }
  return hits;
}

/** Rows to show: not below a folded step; with hits, only these and their ancestors. */
export function visibleRows(
  tree: Tree,
  folded: ReadonlySet<number>,
  hits: Uint8Array | null,
): Uint32Array {
  const kept = hits ? withAncestors(tree, hits) : null;
  const hidden = new Uint8Array(tree.order.length);
  const rows = new Uint32Array(tree.order.length);
  let length = 0;
  for (const row of tree.order) {
    const above = tree.parent[row] ?? -1;
    if (above >= 0 && (hidden[above] || folded.has(above))) {
      hidden[row] = 1;
      continue;
    }
    if (!kept || kept[row]) rows[length++] = row;
  }
  return rows.subarray(0, length);
}

function withAncestors(tree: Tree, hits: Uint8Array): Uint8Array {
  const kept = hits.slice();
  for (let row = kept.length - 1; row >= 0; row--) {
    const above = tree.parent[row] ?? -1;
    if (kept[row] && above >= 0) kept[above] = 1;
  }
  return kept;
}
