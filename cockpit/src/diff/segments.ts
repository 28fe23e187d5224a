/**
 * Lines of the virtual list: rows of the comparison, long runs of equal ones folded. Pure, and in
 * segments, so that 20,000 equal rows cost one object.
 */

/** Equal rows in a row from which they fold. */
export const FOLD_FROM = 6;

export interface Segment {
  readonly type: "rows" | "fold";
  /** First row and the one after the last. */
  readonly from: number;
  readonly to: number;
  /** First line of the segment in the list. */
  readonly line: number;
}

export interface SegmentOptions {
  /** Rows of the comparison. */
  readonly total: number;
  /** Indexes of the rows that are not equal, ascending. */
  readonly changed: readonly number[];
  /** First rows of the runs of equal rows that a reader has unfolded; `all` for all of them. */
  readonly unfolded: ReadonlySet<number> | "all";
  readonly onlyChanges: boolean;
}

/** The segments that are shown; with `onlyChanges` equal rows are left out, not folded. */
export function segmentsOf(options: SegmentOptions): Segment[] {
  const found: Segment[] = [];
  let line = 0;
  const add = (type: Segment["type"], from: number, to: number) => {
    if (from >= to) return;
    const last = found.at(-1);
    if (type === "rows" && last?.type === "rows" && last.to === from) {
      found[found.length - 1] = { ...last, to };
    } else {
      found.push({ type, from, to, line });
    }
    line += type === "fold" ? 1 : to - from;
  };
  let at = 0;
  for (const index of [...options.changed, options.total]) {
    if (!options.onlyChanges) add(isFolded(options, at, index) ? "fold" : "rows", at, index);
    if (index < options.total) add("rows", index, index + 1);
    at = index + 1;
  }
  return found;
}

function isFolded({ unfolded }: SegmentOptions, from: number, to: number): boolean {
  return to - from >= FOLD_FROM && unfolded !== "all" && !unfolded.has(from);
}

export function lineCount(segments: readonly Segment[]): number {
  const last = segments.at(-1);
  return last ? last.line + (last.type === "fold" ? 1 : last.to - last.from) : 0;
}

export type Line =
  | { readonly type: "row"; readonly index: number }
  | { readonly type: "fold"; readonly from: number; readonly to: number };

/** What stands at a line; null outside the list. */
export function lineAt(segments: readonly Segment[], line: number): Line | null {
  const segment = segments[search(segments, (one) => one.line <= line)];
  if (!segment || line < 0 || line >= lineCount(segments)) return null;
  if (segment.type === "fold") return { type: "fold", from: segment.from, to: segment.to };
  return { type: "row", index: segment.from + line - segment.line };
}

/** The line of a row, or of the fold that hides it; of the next shown row if it is left out. */
export function lineOf(segments: readonly Segment[], index: number): number {
  const at = search(segments, (one) => one.from <= index);
  const segment = segments[at];
  if (!segment) return segments.length ? 0 : -1;
  if (index >= segment.to) return segments[at + 1]?.line ?? lineCount(segments) - 1;
  return segment.type === "fold" ? segment.line : segment.line + index - segment.from;
}

/** Index of the last item for which `holds`, of items that hold first and then no more. */
function search<Item>(items: readonly Item[], holds: (item: Item) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = items[middle];
    if (item !== undefined && holds(item)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The nearest of ascending `indexes` after (`by` 1) or before (-1) `from`; null if there is none. */
export function neighbour(indexes: readonly number[], from: number, by: 1 | -1): number | null {
  const at = search(indexes, (index) => (by === 1 ? index <= from : index < from));
  return indexes[by === 1 ? at + 1 : at] ?? null;
}
