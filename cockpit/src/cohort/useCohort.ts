/** One run against the newest others of a filter. */

import { useEffect, useState } from "react";
import { bulkQuery } from "../graphql/bulk";
import { type Failure, failureOf } from "../graphql/failure";
import type { RunFilter } from "../graphql/generated/graphql";
import { COHORT, COHORT_RUNS, type Cohort, type Others, readCohort } from "./questions";

export const MOST_RUNS = 50;

export interface Compared {
  readonly others: Others;
  /** Null while the runs are compared, and where there is none to compare with. */
  readonly cohort: Cohort | null;
}

export interface Comparing {
  readonly compared: Compared | null;
  readonly failure: Failure | null;
  readonly loading: boolean;
}

export function useCohort(base: string, filter: RunFilter | null, round: number): Comparing {
  const [state, setState] = useState<Comparing>({ compared: null, failure: null, loading: true });
  const key = filter && JSON.stringify(filter);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for the filter, another round asks again.
  useEffect(() => {
    if (filter === null) return;
    const controller = new AbortController();
    setState((old) => ({ ...old, failure: null, loading: true }));
    const ask = async () => {
      const others = await bulkQuery<Others>(COHORT_RUNS, { base, filter }, controller.signal);
      const runs = members(others, base);
      setState({ compared: { others, cohort: null }, failure: null, loading: runs.length > 0 });
      if (runs.length === 0) return;
      const answer = await bulkQuery<{ cohort: unknown }>(
        COHORT,
        { base, runs },
        controller.signal,
      );
      const cohort = readCohort(answer.cohort);
      setState({ compared: { others, cohort }, failure: null, loading: false });
    };
    ask().catch((error: unknown) => {
      if (controller.signal.aborted) return;
      setState((old) => ({ ...old, failure: failureOf(error), loading: false }));
    });
    return () => controller.abort();
  }, [base, key, round]);
  return state;
}

/** Finished runs other than the base that are no replays of one, the newest first. */
function members({ runs }: Others, base: string): string[] {
  return runs.nodes
    .filter(({ id, status, origin }) => id !== base && status !== "RUNNING" && origin === null)
    .map(({ id }) => id)
    .slice(0, MOST_RUNS);
}
