import { count, plural } from "../format/count";
import styles from "./Diff.module.css";
import type { Comparison } from "./useComparison";

/** Where the reader is, and how much of the comparison is here. */
export function StatusLine({
  comparison: { compared, loaded, complete },
  row,
  only,
}: {
  comparison: Comparison;
  row: number | null;
  only: boolean;
}) {
  const total = compared?.total ?? 0;
  return (
    <>
      {row === null ? null : (
        <span>
          row {count(row + 1)} of {count(total)}
        </span>
      )}
      <span>
        {plural(loaded.changed.length, "change")}
        {complete ? "" : ", more coming"}
      </span>
      {only ? <span>{plural(total - loaded.changed.length, "equal row")} left out</span> : null}
      <span className={styles.hints}>
        n next change · x first divergence · o only changes · u unfold · ? keys
      </span>
    </>
  );
}
