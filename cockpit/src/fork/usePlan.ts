/** The plan of what is written: asked 300 ms after the last change, the newest answer wins. */

import { useEffect, useRef, useState } from "react";
import { client } from "../graphql/client";
import { type Failure, failureOf } from "../graphql/failure";
import type { PlanFragment, StartReplayInput } from "../graphql/generated/graphql";
import { PlanReplay } from "../replay/documents";

const REST_MS = 300;

export interface Planning {
  /** The last plan; dimmed while a newer one is asked. */
  readonly plan: PlanFragment | null;
  readonly failure: Failure | null;
  /** Whether the plan is of what is written now. */
  readonly current: boolean;
  /** When it came, as `Date.now()`. */
  readonly at: number;
}

const NONE: Planning = { plan: null, failure: null, current: false, at: 0 };

/** Plans `input`; null asks nothing, because what is written cannot be read. */
export function usePlan(input: StartReplayInput | null): Planning {
  const [planning, setPlanning] = useState(NONE);
  const newest = useRef(0);
  const key = input === null ? null : JSON.stringify(input);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for the input.
  useEffect(() => {
    const own = ++newest.current;
    setPlanning((old) => ({ ...old, current: false }));
    if (input === null) return;
    const timer = setTimeout(
      () =>
        void client
          .mutation(PlanReplay, { input: { ...input, dryRun: true } })
          .toPromise()
          .then(({ data, error }) => {
            if (own !== newest.current) return;
            const plan = data?.startReplay.plan ?? null;
            const failure = error ? failureOf(error) : null;
            setPlanning({ plan, failure, current: plan !== null, at: Date.now() });
          }),
      newest.current === 1 ? 0 : REST_MS,
    );
    return () => clearTimeout(timer);
  }, [key]);
  return planning;
}
