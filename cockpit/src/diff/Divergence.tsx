import { useState } from "react";
import { plainLine } from "../format/visible";
import { Button } from "../ui/Button";
import { KindMark } from "../ui/Marks";
import { ClassMark } from "./ClassMark";
import { lookOf, ordered, partWords } from "./classes";
import styles from "./Divergence.module.css";
import type { Row } from "./questions";
import type { Report, Root } from "./report";

const SHOWN = 4;

/** Where the runs part, and every other place where a difference begins: none is guessed away. */
export function Divergence({
  first,
  report,
  current,
  onFirst,
  onRoot,
}: {
  /** Null until its row is here. */
  first: Row | null;
  report: Report;
  /** Whether the first divergence is the opened row. */
  current: boolean;
  onFirst: () => void;
  onRoot: (root: Root) => void;
}) {
  const [all, setAll] = useState(false);
  const others = report.roots.slice(1);
  const shown = all ? others : others.slice(0, SHOWN);
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
      {others.length ? (
        <div className={styles.line}>
          <span className={styles.label}>
            {others.length === 1 ? "also begins at" : `${others.length} more begin at`}
          </span>
          <ul className={styles.roots}>
            {shown.map((root) => (
              <li key={`${root.seqA} ${root.seqB}`}>
                <button type="button" className={styles.root} onClick={() => onRoot(root)}>
                  <ClassMark name={root.class} />
                  <span>#{root.seqB ?? root.seqA}</span>
                  <span className={styles.name}>{plainLine(root.name ?? "")}</span>
                  <span className={styles.why}>
                    {root.sub && root.sub !== "intervention" ? root.sub : lookOf(root.class).word}
                  </span>
                </button>
              </li>
            ))}
            {others.length > shown.length ? (
              <li>
                <button type="button" className={styles.root} onClick={() => setAll(true)}>
                  + {others.length - shown.length} more
                </button>
              </li>
            ) : null}
          </ul>
        </div>
      ) : null}
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
