/** How a comparison comes: at once if it is short, else from a worker; then stretch by stretch. */

import { bulkQuery } from "../graphql/bulk";
import { failureOf } from "../graphql/failure";
import { askHead, takeEarly } from "./early";
import { type Loaded, NOTHING_LOADED, withClasses, withPage } from "./loaded";
import {
  type Attribution,
  type Classes,
  DIFF_CLASSES,
  DIFF_FACTS,
  DIFF_REQUEST,
  DIFF_SIDES,
  type Facts,
  type Head,
  REQUEST_DIFF,
  type Requested,
  type Side,
  type Sides,
} from "./questions";
import { type Report, readReport } from "./report";

export interface Compared {
  readonly a: Side;
  readonly b: Side;
  readonly verdict: string;
  readonly provisional: boolean;
  readonly report: Report;
  /** The newest verification of the roots; null if there is none. */
  readonly attribution: Attribution | null;
  /** Row of the first divergence; null when nothing differs. */
  readonly first: number | null;
  readonly total: number;
}

/** What is known while the comparison is made. */
export interface Waiting {
  readonly a: Side | null;
  readonly b: Side | null;
  /** What a worker does now; null while the service itself compares. */
  readonly phase: string | null;
}

export interface Listener {
  readonly onWaiting: (waiting: Waiting) => void;
  readonly onHead: (compared: Compared, loaded: Loaded) => void;
  readonly onClasses: (classes: Classes) => void;
}

const LOOK_MS = 400;
/** A comparison that is there needs no introduction: its answer comes sooner. */
const PATIENCE_MS = 120;

/** Reports what is known until all of the comparison is; rejects when it cannot be had. */
export async function load(
  a: string,
  b: string,
  row: number | null,
  signal: AbortSignal,
  listener: Listener,
): Promise<void> {
  let waiting: Waiting = { a: null, b: null, phase: null };
  let there = false;
  const say = (more: Partial<Waiting>) => {
    waiting = { ...waiting, ...more };
    if (!there && !signal.aborted) listener.onWaiting(waiting);
  };
  const introduced = setTimeout(() => {
    sidesOf(a, b, signal).then(say, () => {}); // the answer itself says what is wrong
  }, PATIENCE_MS);
  const head = await headOf(a, b, row, signal, (phase) => say({ phase })).finally(() => {
    there = true;
    clearTimeout(introduced);
  });
  signal.throwIfAborted();
  const { pairs } = head.diff;
  const first = withPage(withPage(NOTHING_LOADED, head.diff.rows), head.diff.changes);
  listener.onHead(comparedOf(head), withClasses(first, pairs));
  for (let start = size(pairs); start < pairs.total; ) {
    const more = await bulkQuery<Pick<Head, "diff">>(DIFF_CLASSES, { a, b, start }, signal);
    listener.onClasses(more.diff.pairs);
    start += size(more.diff.pairs);
  }
}

function size({ class: base64 }: Classes): number {
  return Math.floor((base64.length * 3) / 4) - (base64.endsWith("==") ? 2 : +base64.endsWith("="));
}

async function sidesOf(a: string, b: string, signal: AbortSignal): Promise<Sides> {
  return bulkQuery<Sides>(DIFF_SIDES, { a, b }, signal);
}

async function headOf(
  a: string,
  b: string,
  row: number | null,
  signal: AbortSignal,
  onPhase: (phase: string | null) => void,
): Promise<Head> {
  const early = takeEarly(a, b);
  try {
    return await (early ?? askHead(a, b, row, signal));
  } catch (error) {
    const { code } = failureOf(error);
    // The early question went out before another tab had lent its token.
    if (early && code === "UNAUTHENTICATED") return askHead(a, b, row, signal);
    if (code !== "LIMIT_EXCEEDED") throw error;
  }
  await compareByWorker(a, b, signal, onPhase);
  return askHead(a, b, row, signal);
}

/** Has a worker compare the runs, and waits for it. */
async function compareByWorker(
  a: string,
  b: string,
  signal: AbortSignal,
  onPhase: (phase: string | null) => void,
): Promise<void> {
  const begun = await bulkQuery<{ requestDiff: Requested }>(
    REQUEST_DIFF,
    { input: { a, b } },
    signal,
  );
  let found = begun.requestDiff;
  while (found.state === "queued" || found.state === "running") {
    onPhase(found.phase ?? found.state);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const asked = await bulkQuery<{ diffRequest: Requested }>(DIFF_REQUEST, { a, b }, signal);
    found = asked.diffRequest;
  }
  if (found.state === "failed") throw new Error(`The comparison failed: ${found.error ?? "?"}.`);
}

export function comparedOf({ diff }: Head): Compared {
  return { a: diff.a, b: diff.b, total: diff.pairs.total, ...factsOf(diff) };
}

export function factsOf(facts: Facts) {
  return {
    verdict: facts.verdict,
    provisional: facts.provisional,
    report: readReport(facts.report),
    attribution: facts.attribution,
    first: facts.firstDivergence?.index ?? null,
  };
}

/** What is to be said of the comparison as it is now; its rows are known. */
export async function freshFacts(a: string, b: string, signal: AbortSignal) {
  const { diff } = await bulkQuery<{ diff: Facts & { b: Side } }>(DIFF_FACTS, { a, b }, signal);
  return { ...factsOf(diff), b: diff.b };
}
