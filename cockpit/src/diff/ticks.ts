/** Where along the list the changes are: at most one mark for each place of the gutter. Pure. */

import { classOf, type Loaded } from "./loaded";
import { lineCount, lineOf, type Segment } from "./segments";

export interface Tick {
  /** 0 to 1, of the height of the list. */
  readonly at: number;
  readonly class: string;
  readonly index: number;
}

/** Classes by how much a reader wants to see them; one place shows the first of them. */
const WEIGHT = ["integrity", "origin", "intervention", "removed", "inserted", "propagated"];

export function ticksOf(segments: readonly Segment[], loaded: Loaded, places: number): Tick[] {
  const lines = lineCount(segments);
  const found = new Map<number, Tick>();
  if (lines === 0) return [];
  for (const index of loaded.changed) {
    const at = lineOf(segments, index) / lines;
    const place = Math.floor(at * places);
    const tick = { at, class: classOf(loaded, index), index };
    const held = found.get(place);
    if (!held || weight(tick) < weight(held)) found.set(place, tick);
  }
  return [...found.values()];
}

function weight(tick: Tick): number {
  const at = WEIGHT.indexOf(tick.class);
  return at < 0 ? WEIGHT.length : at;
}
