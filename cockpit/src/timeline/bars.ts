/**
 * Steps of a window as bars. Steps narrower than a pixel share a bar, drawn as the greatest of them
 * by (named by the filter, error, duration, earliest): no zoom hides an error. Typed arrays are kept from frame to frame.
 */

import { type Columns, Flag } from "../runstore/columns";
import type { Axis, View } from "./view";

/** Most bars drawn in one frame. */
export const MOST_BARS = 24_000;

export class Bars {
  count = 0;
  readonly lane = new Uint16Array(MOST_BARS);
  readonly left = new Float32Array(MOST_BARS);
  readonly right = new Float32Array(MOST_BARS);
  /** The step that stands for the bar. */
  readonly row = new Uint32Array(MOST_BARS);
  /** Steps in the bar. */
  readonly size = new Uint32Array(MOST_BARS);
  #pending = new Int32Array(64).fill(-1);

  /** The open bar of a lane, -1 if there is none. */
  pending(lane: number): number {
    if (lane >= this.#pending.length) {
      const larger = new Int32Array(Math.max(lane + 1, this.#pending.length * 2)).fill(-1);
      larger.set(this.#pending);
      this.#pending = larger;
    }
    return this.#pending[lane] ?? -1;
  }

  hold(lane: number, bar: number): void {
    this.#pending[lane] = bar;
  }

  clear(): void {
    this.count = 0;
    this.#pending.fill(-1);
  }
}

export interface Extents {
  readonly columns: Columns;
  /** One after the last row below a row (`Tree.spanEnd`). */
  readonly spanEnd: Uint32Array;
  readonly axis: Axis;
  /** Where open steps end for now, in ns. */
  readonly now: number;
  /** 1 for rows a filter names: they stand for their bars before all others. */
  readonly hits?: Uint8Array | null;
}

/** Start of a row on the axis. */
export function startOf({ columns, axis }: Extents, row: number): number {
  return axis === "steps" ? row : (columns.start[row] ?? 0);
}

/** End of a row on the axis. */
export function endOf({ columns, spanEnd, axis, now }: Extents, row: number): number {
  if (axis === "steps") return spanEnd[row] ?? row + 1;
  const end = columns.end[row] ?? Number.NaN;
  return Number.isNaN(end) ? Math.max(now, columns.start[row] ?? 0) : end;
}

/** Fills `bars` with what `view` shows on `width` pixels. */
export function layBars(bars: Bars, extents: Extents, view: View, width: number): void {
  bars.clear();
  const { columns } = extents;
  const scale = width / (view.to - view.from);
  for (let row = 0; row < columns.count; row++) {
    const start = startOf(extents, row);
    if (start > view.to) {
      if (extents.axis === "steps") break;
      continue;
    }
    const end = endOf(extents, row);
    if (end < view.from) continue;
    const left = (start - view.from) * scale;
    const right = (end - view.from) * scale;
    add(bars, extents, row, Math.max(left, -8), Math.min(right, width + 8));
  }
}

function add(bars: Bars, extents: Extents, row: number, left: number, right: number): void {
  const lane = extents.columns.lane[row] ?? 0;
  const open = bars.pending(lane);
  if (open >= 0 && right < (bars.right[open] ?? 0) + 1 && right - (bars.left[open] ?? 0) < 1.5) {
    bars.right[open] = Math.max(bars.right[open] ?? 0, right);
    bars.size[open] = (bars.size[open] ?? 0) + 1;
    if (greater(extents, row, bars.row[open] ?? 0)) bars.row[open] = row;
    return;
  }
  if (bars.count === MOST_BARS) return;
  const bar = bars.count++;
  bars.lane[bar] = lane;
  bars.left[bar] = left;
  bars.right[bar] = right;
  bars.row[bar] = row;
  bars.size[bar] = 1;
  bars.hold(lane, bar);
}

function greater(extents: Extents, row: number, other: number): boolean {
  const { flags } = extents.columns;
  const hit = extents.hits?.[row] ?? 0;
  const otherHit = extents.hits?.[other] ?? 0;
  if (hit !== otherHit) return hit > otherHit;
  const failed = (flags[row] ?? 0) & Flag.error;
  const otherFailed = (flags[other] ?? 0) & Flag.error;
  if (failed !== otherFailed) return failed > otherFailed;
  const length = endOf(extents, row) - startOf(extents, row);
  return length > endOf(extents, other) - startOf(extents, other);
}

/** The row under a point, -1 for none; `slack` pixels on both sides help to hit thin bars. */
export function barAt(bars: Bars, x: number, lane: number, slack = 2): number {
  let best = -1;
  let nearest = Number.POSITIVE_INFINITY;
  for (let bar = 0; bar < bars.count; bar++) {
    if (bars.lane[bar] !== lane) continue;
    const left = bars.left[bar] ?? 0;
    const right = Math.max(bars.right[bar] ?? 0, left + 1);
    const distance = x < left ? left - x : x > right ? x - right : 0;
    if (distance <= slack && distance < nearest) {
      nearest = distance;
      best = bars.row[bar] ?? -1;
    }
  }
  return best;
}
