/** The plan of a verification as it is set up: asked 300 ms after the last change. */

import { useEffect, useRef, useState } from "react";
import { bulkQuery } from "../graphql/bulk";
import { type Failure, failureOf } from "../graphql/failure";
import { VERIFY_CAUSE, type Verifying, type VerifyPlan } from "./questions";

const REST_MS = 300;

export interface VerifyPlanning {
  /** The last plan; dimmed while a newer one is asked. */
  readonly plan: VerifyPlan | null;
  readonly failure: Failure | null;
  /** Whether the plan is of what is set up now. */
  readonly current: boolean;
}

export type VerifyInput = Readonly<Record<string, unknown>>;

/** Plans `input`; null asks nothing, because what is written cannot be read. */
export function useVerifyPlan(input: VerifyInput | null): VerifyPlanning {
  const [planning, setPlanning] = useState<VerifyPlanning>({
    plan: null,
    failure: null,
    current: false,
  });
  const first = useRef(true);
  const key = input === null ? null : JSON.stringify(input);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for the input.
  useEffect(() => {
    setPlanning((old) => ({ ...old, current: false }));
    if (input === null) return;
    const controller = new AbortController();
    const timer = setTimeout(
      () => {
        first.current = false;
        askVerification({ ...input, dryRun: true }, controller.signal)
          .then(({ plan }) => setPlanning({ plan, failure: null, current: true }))
          .catch((error: unknown) => {
            if (controller.signal.aborted) return;
            setPlanning({ plan: null, failure: failureOf(error), current: false });
          });
      },
      first.current ? 0 : REST_MS,
    );
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [key]);
  return planning;
}

export async function askVerification(input: VerifyInput, signal?: AbortSignal) {
  const answer = await bulkQuery<Verifying>(VERIFY_CAUSE, { input }, signal);
  return answer.verifyCause;
}
