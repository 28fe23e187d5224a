/** While a run of the comparison grows, what changes in it comes by itself. */

import { useEffect, useRef } from "react";
import { follow } from "../graphql/socket";
import { type Loaded, withClasses, withStale } from "./loaded";
import { type Compared, freshFacts } from "./loading";
import { DIFF_PROGRESS, type Grown } from "./questions";

interface Held {
  readonly compared: Compared | null;
  readonly setCompared: (change: (old: Compared | null) => Compared | null) => void;
  readonly latest: { readonly current: Loaded };
  readonly take: (next: Loaded) => void;
}

/** Least time between two readings of the report: its causes change less often than its rows. */
const REPORT_MS = 700;

export function useGrowth(a: string, b: string, held: Held): void {
  const { setCompared, latest, take } = held;
  const grows = held.compared?.provisional ?? false;
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    if (!grows) return;
    const controller = new AbortController();
    const tell = (more: Partial<Compared>) => {
      if (!controller.signal.aborted) setCompared((old) => old && { ...old, ...more });
    };
    const reread = () => {
      timer.current = undefined;
      // The rows that came stay; the next change reads the report again.
      freshFacts(a, b, controller.signal).then(tell, () => {});
    };
    const stream = follow<Grown>({
      operation: () => ({ query: DIFF_PROGRESS, variables: { a, b } }),
      onData: ({ diffProgress: grown }) => {
        take(withClasses(withStale(latest.current, grown.fromRow), grown.pairs));
        tell({ total: grown.total, first: grown.firstDivergence?.index ?? null });
        timer.current ??= setTimeout(reread, REPORT_MS);
      },
      onEnd: reread,
    });
    return () => {
      controller.abort();
      stream.stop();
      clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, [a, b, grows, setCompared, latest, take]);
}
