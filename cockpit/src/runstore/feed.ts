/**
 * Live batches into columns. Events count once and in the order of seq: what comes early waits, what
 * was seen falls away. So any order, repetition or reconnection ends in equal columns.
 */

import { type Columns, Flag, KINDS, type ModeName, NO_PARENT, withMode } from "./columns";

export interface FeedEvent {
  readonly seq: number;
  readonly type: string;
  readonly stepSeq?: number;
  readonly parentSeq?: number;
  readonly kind?: string;
  readonly name?: string;
  readonly strand?: string;
  readonly lane?: number;
  readonly depth?: number;
  readonly status?: string;
  readonly errorClass?: string;
  readonly timeNs?: string;
  readonly tokensIn?: number;
  readonly tokensOut?: number;
  readonly costMicroUsd?: string | number;
  readonly mode?: string;
  readonly divergence?: string;
  /** Index of the edit that was made here. */
  readonly edit?: number;
  readonly count?: number;
  readonly reason?: string;
}

/** A hole in the recording: `count` events of one writer were lost before `seq`. */
export interface GapMark {
  readonly seq: number;
  readonly count: number;
  readonly reason: string;
}

export class Feed {
  /** Last seq that is in the columns; pass it as `after` when connecting again. */
  head: number;
  /** Steps started since `head` was first set: what "N new" counts. */
  arrived = 0;
  readonly gaps: GapMark[] = [];
  readonly #waiting = new Map<number, FeedEvent>();
  readonly #columns: Columns;
  readonly #origin: bigint;

  constructor(columns: Columns, origin: bigint, head: number) {
    this.#columns = columns;
    this.#origin = origin;
    this.head = head;
  }

  /** Takes a batch in whatever order; true if anything changed. */
  take(events: readonly FeedEvent[]): boolean {
    for (const event of events) {
      if (event.seq > this.head) this.#waiting.set(event.seq, event);
    }
    const before = this.head;
    let next = this.#waiting.get(this.head + 1);
    while (next) {
      this.#waiting.delete(next.seq);
      this.#apply(next);
      this.head = next.seq;
      next = this.#waiting.get(this.head + 1);
    }
    return this.head !== before;
  }

  #apply(event: FeedEvent): void {
    if (event.type === "step_started") this.#start(event);
    else if (event.type === "step_ended") this.#end(event);
    else if (event.type === "gap") this.#gap(event);
  }

  #start(event: FeedEvent): void {
    const sequence = event.stepSeq ?? event.seq;
    if (this.#columns.rowOf(sequence) >= 0) return;
    let flags: number = Flag.running;
    if (event.mode) flags = withMode(flags, modeName(event.mode));
    if (event.divergence) flags |= Flag.diverged;
    if (event.edit !== undefined) flags |= Flag.edited;
    this.arrived++;
    this.#columns.put({
      sequence,
      parent: event.parentSeq ?? NO_PARENT,
      kind: Math.max(0, KINDS.indexOf(kindWord(event.kind))),
      name: event.name ?? "",
      lane: event.lane ?? 0,
      depth: event.depth ?? 0,
      flags,
      start: this.#relative(event.timeNs),
      end: Number.NaN,
      tokens: 0,
      microUsd: 0,
    });
  }

  #end(event: FeedEvent): void {
    const columns = this.#columns;
    const row = columns.rowOf(event.stepSeq ?? -1);
    if (row < 0) return;
    const failed = event.status !== undefined && event.status !== "OK";
    const kept = (columns.flags[row] ?? 0) & ~Flag.running;
    columns.flags[row] = failed && event.status === "ERROR" ? kept | Flag.error : kept;
    columns.end[row] = this.#relative(event.timeNs);
    columns.tokens[row] = (event.tokensIn ?? 0) + (event.tokensOut ?? 0);
    columns.microUsd[row] = Number(event.costMicroUsd ?? 0);
  }

  #gap(event: FeedEvent): void {
    this.gaps.push({ seq: event.seq, count: event.count ?? 0, reason: event.reason ?? "unknown" });
  }

  #relative(timeNs: string | undefined): number {
    return timeNs === undefined ? 0 : Number(BigInt(timeNs) - this.#origin);
  }
}

function kindWord(kind: string | undefined): (typeof KINDS)[number] {
  return KINDS.find((known) => known === kind) ?? "CUSTOM";
}

const MODE_WORDS: Record<string, ModeName> = {
  EXACT: "exact",
  CACHED: "cached",
  SIMULATED: "simulated",
  LIVE: "live",
};

function modeName(word: string): ModeName {
  return MODE_WORDS[word] ?? "recorded";
}
