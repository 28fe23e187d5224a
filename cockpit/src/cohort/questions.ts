/** What the page of a cohort asks: the base, who else there is, and how they compare. */

import * as v from "valibot";
import type { Status } from "../graphql/generated/graphql";

export const COHORT_RUNS = `query CohortRuns($base: ID!, $filter: RunFilter) {
  run(id: $base) { id name status stepCount }
  runs(first: 100, filter: $filter) { totalCount nodes { id status origin { kind } } }
}`;

export interface Others {
  readonly run: {
    readonly id: string;
    readonly name: string;
    readonly status: Status;
    readonly stepCount: number;
  } | null;
  readonly runs: {
    readonly totalCount: number;
    readonly nodes: readonly {
      readonly id: string;
      readonly status: Status;
      /** Null for a run of its own; replays and forks show nothing of how often it fails. */
      readonly origin: { readonly kind: string } | null;
    }[];
  };
}

export const COHORT_NAME = "query CohortName($base: ID!) { run(id: $base) { name } }";

export const COHORT = `query Cohort($base: ID!, $runs: [ID!]!) {
  cohort(base: $base, runs: $runs)
}`;

const place = v.object({
  /** Call key in the base, or `behind KEY` for a step that it does not have. */
  key: v.string(),
  seq: v.nullable(v.number()),
  kind: v.string(),
  name: v.string(),
  class: v.string(),
  firstGood: v.number(),
  firstBad: v.number(),
  rootGood: v.number(),
  rootBad: v.number(),
});

const member = v.object({
  run: v.string(),
  status: v.string(),
  good: v.boolean(),
  parts: v.nullable(v.string()),
});

const cohort = v.object({
  format: v.literal("forkpoint.cohort/1"),
  good: v.number(),
  bad: v.number(),
  /** Runs recorded under another key or codec: left out. */
  notComparable: v.array(v.string()),
  places: v.array(place),
  runs: v.array(member),
});

export type Cohort = v.InferOutput<typeof cohort>;
export type Place = v.InferOutput<typeof place>;
export type Member = v.InferOutput<typeof member>;

/** Throws when the server speaks another format. */
export function readCohort(value: unknown): Cohort {
  return v.parse(cohort, value);
}
