import type { KindName } from "../runstore/columns";
import { KIND_LETTER, STATUS_MARK, STATUS_WORD, type StatusName } from "./kinds";
import styles from "./Marks.module.css";

/** The letter of a kind in a box of its colour. */
export function KindMark({ kind }: { kind: KindName }) {
  return (
    <span className={styles.kind} data-kind={kind.toLowerCase()} title={kind.toLowerCase()}>
      {KIND_LETTER[kind]}
    </span>
  );
}

/** The mark of a status, with its word beside it unless `bare`. */
export function StatusMark({ status, bare = false }: { status: StatusName; bare?: boolean }) {
  return (
    <span className={styles.status} data-status={status} title={status.toLowerCase()}>
      <span aria-hidden="true">{STATUS_MARK[status]}</span>
      <span className={bare ? "visually-hidden" : undefined}>{STATUS_WORD[status]}</span>
    </span>
  );
}
