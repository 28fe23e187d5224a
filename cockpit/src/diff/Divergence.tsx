import { plainLine } from "../format/visible";
import { Button } from "../ui/Button";
import { KindMark } from "../ui/Marks";
import { lookOf, ordered, partWords } from "./classes";
import styles from "./Divergence.module.css";
import type { Row } from "./questions";
import type { Report } from "./report";

/** Where the runs part; every place where a difference begins is among the causes below. */
export function Divergence({
  first,
  report,
  current,
  onFirst,
}: {
  /** Null until its row is here. */
  first: Row | null;
  report: Report;
  /** Whether the first divergence is the opened row. */
  current: boolean;
  onFirst: () => void;
}) {
  const integrity = report.counts.integrity ?? 0;
  return (
    <section className={styles.banner} aria-label="First divergence" data-integrity={integrity > 0}>
      <div className={styles.line}>
        <span className={styles.label}>
          {integrity ? "served answers differ from the recording" : "first divergence"}
        </span>
        {first ? <First row={first} report={report} /> : <span>…</span>}
        <span className={styles.go}>
          <Button onPress={onFirst} hint="x" pressed={current} title="Open the first divergence">
            open
          </Button>
        </span>
      </div>
    </section>
  );
}

const FOLLOWING = ["propagated", "absorbed", "removed", "inserted"];

function First({ row, report }: { row: Row; report: Report }) {
  const step = row.right ?? row.left;
  if (!step) return null;
  const why = [lookOf(row.class).word, row.sub === row.class ? null : row.sub].filter(Boolean);
  const after = ordered(report.counts).filter(([name]) => FOLLOWING.includes(name));
  return (
    <p className={styles.first}>
      <KindMark kind={step.kind} />
      <span className={styles.number}>
        {row.left && row.right && row.left.sequence !== row.right.sequence
          ? `#${row.left.sequence} ⇄ #${row.right.sequence}`
          : `#${step.sequence}`}
      </span>
      <strong>{plainLine(step.name)}</strong>
      <span>
        {row.parts.length
          ? `${partWords(row.parts)} differ${row.parts.length > 1 ? "" : "s"} `
          : ""}
        <span className={styles.why}>({why.join(", ")})</span>
      </span>
      {after.length ? (
        <span className={styles.after}>
          → {after.map(([name, count]) => `${count} ${name}`).join(", ")}
        </span>
      ) : null}
    </p>
  );
}
