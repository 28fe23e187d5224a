import { count, plural } from "../format/count";
import type { RunStore } from "../runstore/store";

/** Where the reader is in the run, and how whole the run is. */
export function StatusLine({
  store,
  selected,
  place,
  shown,
  lost,
}: {
  store: RunStore;
  selected: number;
  /** Index of the chosen step among all, from 1. */
  place: number;
  /** Steps the filter and folds leave. */
  shown: number;
  lost: boolean;
}) {
  const { columns, facts, gaps } = store;
  const errors = facts ? facts.errorCount : 0;
  const holes = Math.max(gaps.length, facts?.gapCount ?? 0);
  return (
    <>
      {selected < 0 ? null : (
        <span>
          #{columns.sequence[selected]} · {count(place)} of {plural(columns.count, "step")}
        </span>
      )}
      {shown < columns.count ? <span>{count(shown)} shown</span> : null}
      {errors ? <span>{plural(errors, "error")} (n)</span> : null}
      {holes ? <span>{plural(holes, "gap")}</span> : null}
      <span>head {count(store.head)}</span>
      {store.running ? <span>{lost ? "connection lost" : "live"}</span> : null}
    </>
  );
}
