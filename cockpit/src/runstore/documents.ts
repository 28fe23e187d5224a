/** What the run store asks, on the bare client: one request for the first paint. */

import type { Kind, Status, Verdict } from "../graphql/generated/graphql";
import type { FeedEvent } from "./feed";
import type { SkeletonChunk } from "./skeleton";

export interface RunArtifact {
  readonly role: string;
  readonly state: "PENDING" | "CLEAN" | "AT_RISK" | "WITHHELD" | "FAILED";
  readonly reason: string | null;
  readonly root: string | null;
  readonly size: string;
  readonly mediaType: string | null;
}

/** The facts of a run that its header shows. */
export interface RunFacts {
  readonly id: string;
  readonly name: string;
  readonly status: Status;
  readonly health: readonly string[];
  readonly startedNs: string;
  readonly endedNs: string | null;
  readonly durationNs: string | null;
  readonly stepCount: number;
  readonly errorCount: number;
  readonly gapCount: number;
  readonly head: string;
  readonly tokensIn: string | null;
  readonly tokensOut: string | null;
  readonly costMicroUsd: string | null;
  readonly ordering: string;
  readonly identity: string;
  /** Where the project's own tool shows the trace; null when none is known. */
  readonly traceUrl: string | null;
  readonly revision: number;
  readonly tags: readonly string[];
  readonly codeVersion: string | null;
  readonly sdk: string | null;
  readonly rulesetId: string | null;
  readonly errorClass: string | null;
  readonly verdict: Verdict | null;
  readonly capabilities: readonly string[];
  readonly origin: {
    readonly runId: string;
    readonly session: string;
    readonly kind: string;
    readonly cutKey: string | null;
    readonly cutSide: string | null;
    readonly run: { readonly name: string } | null;
  } | null;
  /** Values and files of the run itself; those of its steps come with them. */
  readonly artifacts: readonly RunArtifact[];
  readonly openingStep: { readonly sequence: string; readonly kind: Kind } | null;
  readonly forks: { readonly totalCount: number };
}

const FACTS = `
  id name status health startedNs endedNs durationNs stepCount errorCount gapCount head
  tokensIn tokensOut costMicroUsd ordering identity traceUrl revision tags codeVersion sdk rulesetId
  errorClass verdict capabilities
  origin { runId session kind cutKey cutSide run { name } }
  artifacts { role state reason root size mediaType }
  openingStep { sequence kind }
  forks(first: 1) { totalCount }`;

const CHUNK = `
  chunk rows sealed revision names head
  parent sequence tokens microUsd lane name flags depth kind start end`;

export const FIRST_PAINT = `query FirstPaint($run: ID!) {
  run(id: $run) {${FACTS}}
  skeleton(runId: $run, chunk: 0) {${CHUNK}}
}`;

export interface FirstPaint {
  readonly run: RunFacts | null;
  readonly skeleton: RawChunk;
}

/** As it comes: `head` may be a decimal string. */
export type RawChunk = Omit<SkeletonChunk, "head"> & { readonly head: number | string };

export const RUN_FACTS = `query RunFacts($run: ID!) { run(id: $run) {${FACTS}} }`;

export const NEXT_CHUNK = `query NextChunk($run: ID!, $chunk: Int!) {
  skeleton(runId: $run, chunk: $chunk) {${CHUNK}}
}`;

export const RUN_EVENTS = `subscription RunEvents($run: ID!, $after: BigInt!, $session: ID) {
  runEvents(runId: $run, after: $after, session: $session) {
    fromSeq toSeq head status startedNs events
  }
}`;

export interface RunEventsData {
  readonly runEvents: {
    readonly fromSeq: string;
    readonly toSeq: string;
    readonly head: string;
    readonly status: Status;
    readonly startedNs: string;
    readonly events: readonly FeedEvent[];
  };
}

export const GAP_EVENTS = `query GapEvents($run: ID!, $after: String) {
  run(id: $run) { events(first: 200, after: $after) {
    nodes { seq event } pageInfo { hasNextPage endCursor }
  } }
}`;

export interface GapEvents {
  readonly run: {
    readonly events: {
      readonly nodes: readonly { readonly seq: string; readonly event: unknown }[];
      readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
    };
  } | null;
}
