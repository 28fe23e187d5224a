/** Lines of the tree: visible steps, with the holes of the recording between them. Pure. */

import type { Columns } from "../runstore/columns";
import type { GapMark } from "../runstore/feed";

/** A line is a row index, or `GAP_LINE - index` for a gap. */
export const GAP_LINE = -1;

/** `rows` with a line for each gap before the first step that came after it. */
export function withGaps(
  rows: Uint32Array,
  columns: Columns,
  gaps: readonly GapMark[],
): Int32Array {
  const lines = new Int32Array(rows.length + gaps.length);
  let next = 0;
  let length = 0;
  for (const row of rows) {
    while (next < gaps.length && (gaps[next]?.seq ?? 0) < (columns.sequence[row] ?? 0)) {
      lines[length++] = GAP_LINE - next++;
    }
    lines[length++] = row;
  }
  while (next < gaps.length) lines[length++] = GAP_LINE - next++;
  return lines;
}

/** Index of the gap of a line; -1 if the line is a step. */
export function gapOf(line: number): number {
  return line < 0 ? GAP_LINE - line : -1;
}

/** The step line nearest to `from` in direction `by`, `from` itself if there is none. */
export function stepFrom(lines: Int32Array, from: number, by: 1 | -1): number {
  for (let at = from + by; at >= 0 && at < lines.length; at += by) {
    if ((lines[at] ?? -1) >= 0) return at;
  }
  return from;
}
