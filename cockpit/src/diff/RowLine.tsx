import { stepNumber } from "../format/identity";
import { plainLine } from "../format/visible";
import { KindMark, StatusMark } from "../ui/Marks";
import { ClassMark } from "./ClassMark";
import { isRoot, lookOf, partWords } from "./classes";
import type { GlanceText } from "./glance";
import type { Row, RowStep } from "./questions";
import styles from "./Rows.module.css";
import type { RowGlance } from "./useGlances";

export interface RowLineProps {
  readonly row: Row;
  readonly glance: RowGlance | undefined;
  readonly place: { readonly top: number; readonly height: number; readonly line: number };
  readonly current: boolean;
  readonly reachable: boolean;
  readonly isFirst: boolean;
  readonly onOpen: (index: number) => void;
}

/** One aligned pair: A at the left, B at the right, what became of it beside them. */
export function RowLine({ row, glance, place, current, reachable, isFirst, onOpen }: RowLineProps) {
  return (
    <div
      role="row"
      aria-rowindex={place.line + 1}
      aria-selected={current}
      tabIndex={reachable ? 0 : -1}
      className={styles.row}
      data-row={row.index}
      data-class={row.class}
      data-root={isRoot(row)}
      data-first={isFirst}
      data-current={current}
      style={{ transform: `translateY(${place.top}px)`, height: place.height }}
      onClick={() => onOpen(row.index)}
    >
      <span role="gridcell" className={styles.mark}>
        <ClassMark name={row.class} />
      </span>
      <Cell side="A" step={row.left} text={glance?.left} />
      <Cell side="B" step={row.right} text={glance?.right} />
      <span role="gridcell" className={styles.class} title={classTitle(row)}>
        {row.class === "same" ? null : (
          <span className={styles.word}>{lookOf(row.class).word}</span>
        )}
        {row.sub && row.sub !== row.class ? <span className={styles.sub}>{row.sub}</span> : null}
        {row.how === "moved" ? <span className={styles.sub}>⇄ moved</span> : null}
        {isFirst ? <span className="visually-hidden">first divergence</span> : null}
      </span>
    </div>
  );
}

function classTitle(row: Row): string {
  const parts = row.parts.length ? ` Differs: ${partWords(row.parts)}.` : "";
  return `${lookOf(row.class).meaning}${parts} Paired by ${row.how}.`;
}

function Cell({
  side,
  step,
  text,
}: {
  side: "A" | "B";
  step: RowStep | null;
  text: GlanceText | undefined;
}) {
  return (
    <span role="gridcell" className={styles.cell} data-side={side} data-absent={step === null}>
      {step ? (
        <>
          <span className={styles.number}>{stepNumber(step.sequence)}</span>
          <KindMark kind={step.kind} />
          <span className={styles.name} style={{ paddingLeft: Math.min(step.depth, 6) * 4 }}>
            {plainLine(step.name)}
          </span>
          {step.status === "OK" ? null : <StatusMark status={step.status} bare />}
          <span className={styles.text}>{text ? lineOf(step, text) : ""}</span>
        </>
      ) : (
        <span className="visually-hidden">not in {side}</span>
      )}
    </span>
  );
}

function lineOf(step: RowStep, { asked, answered }: GlanceText): string {
  const end = step.errorClass ?? answered;
  return plainLine([asked, end].filter(Boolean).join(" → "));
}
