/** A chunk of 65,536 rows of the skeleton, decoded and laid into the columns of a run. */

import { i64After, u8, u16, u32 } from "../graphql/column";
import type { Columns } from "./columns";

export const CHUNK_ROWS = 65_536;

export interface SkeletonChunk {
  readonly chunk: number;
  readonly rows: number;
  readonly sealed: boolean;
  readonly revision: number;
  readonly head: number;
  readonly names: readonly string[];
  readonly parent: string;
  readonly sequence: string;
  readonly tokens: string;
  readonly microUsd: string;
  readonly lane: string;
  readonly name: string;
  readonly flags: string;
  readonly depth: string;
  readonly kind: string;
  readonly start: string;
  readonly end: string;
}

/** Appends the rows of `chunk`; chunks come in their order. `origin` is the start of the run in ns. */
export function appendChunk(columns: Columns, chunk: SkeletonChunk, origin: bigint): void {
  const at = columns.count;
  columns.reserve(at + chunk.rows);
  const nameIds = chunk.names.map((name) => columns.nameId(name));
  const names = u16(chunk.name);
  columns.parent.set(u32(chunk.parent), at);
  columns.sequence.set(u32(chunk.sequence), at);
  columns.tokens.set(u32(chunk.tokens), at);
  columns.microUsd.set(u32(chunk.microUsd), at);
  columns.lane.set(u16(chunk.lane), at);
  columns.flags.set(u16(chunk.flags), at);
  columns.depth.set(u8(chunk.depth), at);
  columns.kind.set(u8(chunk.kind), at);
  columns.start.set(i64After(chunk.start, origin), at);
  columns.end.set(i64After(chunk.end, origin, true), at);
  for (let row = 0; row < chunk.rows; row++) {
    columns.name[at + row] = nameIds[names[row] ?? 0] ?? 0;
  }
  columns.count = at + chunk.rows;
}
