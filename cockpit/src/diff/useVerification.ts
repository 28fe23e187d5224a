/** The verification of a pair: asked for, followed, stopped; what it shows updates the report. */

import { useCallback, useEffect, useRef } from "react";
import { bulkQuery } from "../graphql/bulk";
import { follow } from "../graphql/socket";
import { type Compared, freshFacts } from "./loading";
import { ATTRIBUTION_PROGRESS, type Attribution, CANCEL_VERIFICATION } from "./questions";

type Change = (change: (old: Compared | null) => Compared | null) => void;

export interface Verification {
  /** Takes up one that has begun. */
  readonly begun: (attribution: Attribution) => void;
  readonly stop: () => void;
}

const REPORT_MS = 500;

export function useVerification(
  a: string,
  b: string,
  current: Attribution | null,
  setCompared: Change,
): Verification {
  const id = current?.state === "running" ? current.id : null;
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const take = useCallback(
    (attribution: Attribution) => setCompared((old) => old && { ...old, attribution }),
    [setCompared],
  );
  useEffect(() => {
    if (id === null) return;
    const controller = new AbortController();
    const reread = () => {
      timer.current = undefined;
      // What was shown stays; the next change reads the words again.
      freshFacts(a, b, controller.signal).then(
        (facts) => setCompared((old) => old && { ...old, ...facts }),
        () => {},
      );
    };
    const stream = follow<{ attributionProgress: Attribution }>({
      operation: () => ({ query: ATTRIBUTION_PROGRESS, variables: { id } }),
      onData: ({ attributionProgress: attribution }) => {
        if (attribution.state !== "running") return reread();
        take(attribution);
        timer.current ??= setTimeout(reread, REPORT_MS);
      },
      onEnd: reread,
    });
    return () => {
      stream.stop();
      clearTimeout(timer.current);
      timer.current = undefined;
      setTimeout(() => controller.abort(), REPORT_MS * 20);
    };
  }, [a, b, id, setCompared, take]);
  const stop = useCallback(() => {
    if (id === null) return;
    bulkQuery<{ cancelVerification: { attribution: Attribution } }>(CANCEL_VERIFICATION, { id })
      .then(({ cancelVerification }) => take(cancelVerification.attribution))
      // It is over already: its last state comes by the stream.
      .catch(() => {});
  }, [id, take]);
  return { begun: take, stop };
}
