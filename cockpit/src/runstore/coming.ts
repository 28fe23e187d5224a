/**
 * Runs that a replay started here is about to make. Their page opens before they are there, with what
 * is known of them already; facts and steps come from the server alone.
 */

import type { RunFacts } from "./documents";

export interface Coming {
  readonly session: string;
  /** What the page knows until the run is there. */
  readonly facts: RunFacts;
  /** How long the recording took, ns: the window in which its outlines stand until then. */
  readonly lastsNs: number;
}

/** What a started session says of the run it will make. */
export interface Announced {
  readonly id: string;
  readonly newRunId: string;
  readonly kind: string;
  readonly createdNs: string;
}

const announced = new Map<string, Coming>();

/** Says that a session will make a run like its recording. */
export function announce(session: Announced, recording: RunFacts): void {
  announced.set(session.newRunId, {
    session: session.id,
    facts: expected(session, recording),
    lastsNs: Number(recording.durationNs ?? 0),
  });
}

/** What is known of a run before it is there; null for a run that nothing was started for here. */
export function comingOf(runId: string): Coming | null {
  return announced.get(runId) ?? null;
}

/** The run is there, or will never be. */
export function arrived(runId: string): void {
  announced.delete(runId);
}

/** The recording's facts as those of a run that has no step yet. */
export function expected(session: Announced, recording: RunFacts): RunFacts {
  return {
    ...recording,
    id: session.newRunId,
    status: "RUNNING",
    health: [],
    startedNs: session.createdNs,
    endedNs: null,
    durationNs: null,
    stepCount: 0,
    errorCount: 0,
    gapCount: 0,
    head: "-1",
    tokensIn: null,
    tokensOut: null,
    costMicroUsd: null,
    traceUrl: null,
    errorClass: null,
    verdict: null,
    capabilities: [],
    origin: {
      runId: recording.id,
      session: session.id,
      kind: session.kind,
      cutKey: null,
      cutSide: null,
      run: { name: recording.name },
    },
    artifacts: [],
    openingStep: null,
    forks: { totalCount: 0 },
  };
}
