/** A comparison as the page holds it: classes of all rows, rows when they come into view. */

import { useCallback, useEffect, useRef, useState } from "react";
import { bulkQuery } from "../graphql/bulk";
import { type Failure, failureOf } from "../graphql/failure";
import {
  firstMissing,
  type Loaded,
  NOTHING_LOADED,
  onlyChangedMissing,
  withClasses,
  withPage,
} from "./loaded";
import { type Compared, load, type Waiting } from "./loading";
import { CHANGED, DIFF_ROWS, type MoreRows } from "./questions";
import { useGrowth } from "./useGrowth";
import { useVerification, type Verification } from "./useVerification";

export interface Comparison {
  /** Null until the first answer; stays while it is asked again. */
  readonly compared: Compared | null;
  readonly loaded: Loaded;
  /** What is known before the first answer. */
  readonly waiting: Waiting | null;
  /** Whether the class of every row is here. */
  readonly complete: boolean;
  readonly failure: Failure | null;
  readonly loading: boolean;
  readonly verification: Verification;
  /** Sees to it that these rows come. */
  readonly want: (indexes: readonly number[]) => void;
  readonly reload: () => void;
}

/** `row`: the one that the address names, whose neighbours come first. */
export function useComparison(a: string, b: string, row: number | null): Comparison {
  const [round, setRound] = useState(0);
  const [compared, setCompared] = useState<Compared | null>(null);
  const [waiting, setWaiting] = useState<Waiting | null>(null);
  const [loaded, setLoaded] = useState(NOTHING_LOADED);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [loading, setLoading] = useState(true);
  const latest = useRef(loaded);
  const abort = useRef(new AbortController());
  const place = useRef(row);

  const take = useCallback((next: Loaded) => {
    latest.current = next;
    setLoaded(next);
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another round asks again.
  useEffect(() => {
    const controller = new AbortController();
    abort.current = controller;
    setLoading(true);
    setFailure(null);
    load(a, b, place.current, controller.signal, {
      onWaiting: setWaiting,
      onHead: (head, rows) => {
        take(rows);
        setCompared(head);
        setLoading(false);
      },
      onClasses: (classes) => take(withClasses(latest.current, classes)),
    }).catch((error: unknown) => {
      if (controller.signal.aborted) return;
      setFailure(failureOf(error));
      setLoading(false);
    });
    return () => controller.abort();
  }, [a, b, round, take]);

  useGrowth(a, b, { compared, setCompared, latest, take });
  const verification = useVerification(a, b, compared?.attribution ?? null, setCompared);
  const want = useWanted(a, b, latest, abort, take);
  const reload = useCallback(() => setRound((old) => old + 1), []);
  const complete = compared !== null && loaded.classes.length === compared.total;
  return {
    compared,
    loaded,
    waiting,
    complete,
    failure,
    loading,
    verification,
    want,
    reload,
  };
}

/** One page in flight; what is still missing of the newest wish is asked for after it. */
function useWanted(
  a: string,
  b: string,
  latest: { readonly current: Loaded },
  abort: { readonly current: AbortController },
  take: (next: Loaded) => void,
): Comparison["want"] {
  const wish = useRef<readonly number[]>([]);
  const busy = useRef(false);
  return useCallback(
    (indexes) => {
      wish.current = indexes;
      const { signal } = abort.current;
      const next = async (): Promise<void> => {
        const missing = firstMissing(latest.current, wish.current);
        if (missing === null) return;
        const only = onlyChangedMissing(latest.current, wish.current) ? CHANGED : null;
        const asked = { a, b, from: missing, only };
        const { diff } = await bulkQuery<MoreRows>(DIFF_ROWS, asked, signal);
        take(withPage(latest.current, diff.rows));
        if (diff.rows.nodes.length) await next();
      };
      if (busy.current || firstMissing(latest.current, indexes) === null) return;
      busy.current = true;
      next()
        // The rows stay blank; scrolling asks again.
        .catch(() => {})
        .finally(() => {
          busy.current = false;
        });
    },
    [a, b, latest, abort, take],
  );
}
