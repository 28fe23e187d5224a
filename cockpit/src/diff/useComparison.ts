/** The rows of a comparison: all changes at once, page by page; equal rows when they come into view. */

import { useCallback, useEffect, useRef, useState } from "react";
import { bulkQuery } from "../graphql/bulk";
import { type Failure, failureOf } from "../graphql/failure";
import { firstMissing, type Loaded, NOTHING_LOADED, withPage } from "./loaded";
import { CHANGED, DIFF_HEAD, DIFF_ROWS, type Head, type MoreRows, type Side } from "./questions";
import { type Report, readReport } from "./report";

export interface Compared {
  readonly a: Side;
  readonly b: Side;
  readonly verdict: string;
  readonly provisional: boolean;
  readonly report: Report;
  /** Row of the first divergence; null when nothing differs. */
  readonly first: number | null;
  readonly total: number;
}

export interface Comparison {
  /** Null until the first answer; stays while it is asked again. */
  readonly compared: Compared | null;
  readonly loaded: Loaded;
  /** Whether all changed rows are here. */
  readonly complete: boolean;
  readonly failure: Failure | null;
  readonly loading: boolean;
  /** Sees to it that these rows come. */
  readonly want: (indexes: readonly number[]) => void;
  readonly reload: () => void;
}

export function useComparison(a: string, b: string): Comparison {
  const [round, setRound] = useState(0);
  const [compared, setCompared] = useState<Compared | null>(null);
  const [loaded, setLoaded] = useState(NOTHING_LOADED);
  const [complete, setComplete] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [loading, setLoading] = useState(true);
  const latest = useRef(loaded);
  const abort = useRef(new AbortController());

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
    load(a, b, controller.signal, {
      onHead: (head, rows) => {
        setCompared(head);
        take(rows);
        setLoading(false);
      },
      onMore: (more) => take(withPage(latest.current, more)),
    })
      .then(() => setComplete(true))
      .catch((error: unknown) => {
        if (controller.signal.aborted) return;
        setFailure(failureOf(error));
        setLoading(false);
      });
    return () => {
      controller.abort();
      setComplete(false);
    };
  }, [a, b, round, take]);

  const want = useWanted(a, b, latest, abort, take);
  const reload = useCallback(() => setRound((old) => old + 1), []);
  return { compared, loaded, complete, failure, loading, want, reload };
}

interface Listener {
  readonly onHead: (compared: Compared, loaded: Loaded) => void;
  readonly onMore: (page: MoreRows["diff"]["rows"]) => void;
}

async function load(a: string, b: string, signal: AbortSignal, { onHead, onMore }: Listener) {
  const { diff } = await bulkQuery<Head>(DIFF_HEAD, { a, b, changed: CHANGED }, signal);
  const compared = {
    a: diff.a,
    b: diff.b,
    verdict: diff.verdict,
    provisional: diff.provisional,
    report: readReport(diff.report),
    first: diff.firstDivergence?.index ?? null,
    total: diff.rows.totalCount,
  };
  onHead(compared, withPage(withPage(NOTHING_LOADED, diff.rows), diff.changes));
  let info = diff.changes.pageInfo;
  while (info.hasNextPage) {
    const asked = { a, b, after: info.endCursor, only: CHANGED };
    const more = await bulkQuery<MoreRows>(DIFF_ROWS, asked, signal);
    onMore(more.diff.rows);
    info = more.diff.rows.pageInfo;
  }
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
        const asked = { a, b, from: missing, only: null };
        const { diff } = await bulkQuery<MoreRows>(DIFF_ROWS, asked, signal);
        take(withPage(latest.current, diff.rows));
        if (diff.rows.nodes.length) await next();
      };
      if (busy.current) return;
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
