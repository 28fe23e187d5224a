/**
 * The steps of a run as growable typed arrays in the order of their sequence numbers. One row costs
 * 42 bytes and no object. Times are nanoseconds after `origin`, the start of the run.
 */

export const NO_PARENT = 0xffff_ffff;

/** Bits of `flags`, as the server packs them; bits 8 to 10 hold mode + 1. */
export const Flag = {
  error: 1,
  running: 2,
  edited: 4,
  diverged: 8,
  redacted: 16,
  withheld: 32,
  filtered: 64,
  gap: 128,
  tainted: 2048,
} as const;

export const MODES = ["recorded", "exact", "cached", "simulated", "live"] as const;
export type ModeName = (typeof MODES)[number];

/** How the step of these flags came by its answer. */
export function modeOf(flags: number): ModeName {
  return MODES[(flags >> 8) & 7] ?? "recorded";
}

/** Flags with `mode` set in bits 8 to 10. */
export function withMode(flags: number, mode: ModeName): number {
  return (flags & ~0x700) | (MODES.indexOf(mode) << 8);
}

export const KINDS = [
  "MODEL",
  "RETRIEVER",
  "TOOL",
  "PLANNER",
  "VALIDATOR",
  "SAFETY",
  "AGENT",
  "CUSTOM",
] as const;
export type KindName = (typeof KINDS)[number];

export function kindName(index: number): KindName {
  return KINDS[index] ?? "CUSTOM";
}

export interface StepRow {
  readonly sequence: number;
  readonly parent: number;
  readonly kind: number;
  readonly name: string;
  readonly lane: number;
  readonly depth: number;
  readonly flags: number;
  readonly start: number;
  /** NaN while the step is open. */
  readonly end: number;
  readonly tokens: number;
  readonly microUsd: number;
}

export class Columns {
  count = 0;
  sequence = new Uint32Array(256);
  parent = new Uint32Array(256);
  tokens = new Uint32Array(256);
  microUsd = new Uint32Array(256);
  name = new Uint32Array(256);
  lane = new Uint16Array(256);
  flags = new Uint16Array(256);
  depth = new Uint8Array(256);
  kind = new Uint8Array(256);
  start = new Float64Array(256);
  end = new Float64Array(256);
  readonly names: string[] = [];
  readonly #nameIds = new Map<string, number>();

  /** Index of a step name, the same for equal names. */
  nameId(name: string): number {
    let id = this.#nameIds.get(name);
    if (id === undefined) {
      id = this.names.push(name) - 1;
      this.#nameIds.set(name, id);
    }
    return id;
  }

  nameAt(row: number): string {
    return this.names[this.name[row] ?? 0] ?? "";
  }

  /** Row of a sequence number, -1 if it is none. O(log n). */
  rowOf(sequence: number): number {
    const at = this.firstAtOrAfter(sequence);
    return at < this.count && this.sequence[at] === sequence ? at : -1;
  }

  /** First row whose sequence number is not below `sequence`. */
  firstAtOrAfter(sequence: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.sequence[middle] ?? 0) < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Writes a row at its place; a row of that sequence is overwritten. Returns whether it is new. */
  put(step: StepRow): boolean {
    const at = this.firstAtOrAfter(step.sequence);
    const fresh = at === this.count || this.sequence[at] !== step.sequence;
    if (fresh) this.#open(at);
    this.sequence[at] = step.sequence;
    this.parent[at] = step.parent;
    this.tokens[at] = step.tokens;
    this.microUsd[at] = step.microUsd;
    this.name[at] = this.nameId(step.name);
    this.lane[at] = step.lane;
    this.flags[at] = step.flags;
    this.depth[at] = step.depth;
    this.kind[at] = step.kind;
    this.start[at] = step.start;
    this.end[at] = step.end;
    return fresh;
  }

  #open(at: number): void {
    if (this.count === this.sequence.length) this.#grow(this.count * 2);
    if (at < this.count) {
      for (const column of this.#all()) column.copyWithin(at + 1, at, this.count);
    }
    this.count++;
  }

  /** Makes room for `rows` rows. */
  reserve(rows: number): void {
    if (rows > this.sequence.length) this.#grow(Math.max(rows, this.sequence.length * 2));
  }

  #grow(size: number): void {
    this.sequence = grown(this.sequence, new Uint32Array(size));
    this.parent = grown(this.parent, new Uint32Array(size));
    this.tokens = grown(this.tokens, new Uint32Array(size));
    this.microUsd = grown(this.microUsd, new Uint32Array(size));
    this.name = grown(this.name, new Uint32Array(size));
    this.lane = grown(this.lane, new Uint16Array(size));
    this.flags = grown(this.flags, new Uint16Array(size));
    this.depth = grown(this.depth, new Uint8Array(size));
    this.kind = grown(this.kind, new Uint8Array(size));
    this.start = grown(this.start, new Float64Array(size));
    this.end = grown(this.end, new Float64Array(size));
  }

  #all() {
    return [
      this.sequence,
      this.parent,
      this.tokens,
      this.microUsd,
      this.name,
      this.lane,
      this.flags,
      this.depth,
      this.kind,
      this.start,
      this.end,
    ];
  }
}

type Numbers = Uint8Array | Uint16Array | Uint32Array | Float64Array;

function grown<T extends Numbers>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
