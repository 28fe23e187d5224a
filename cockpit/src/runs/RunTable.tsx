import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import { count, money, tokens } from "../format/count";
import { clockTime, duration, exactDuration, exactTime } from "../format/duration";
import { runTag } from "../format/identity";
import { plainLine } from "../format/visible";
import { Chip } from "../ui/Chip";
import { StatusMark } from "../ui/Marks";
import styles from "./RunTable.module.css";
import type { RunRow } from "./useRuns";

const HEADINGS = [
  ["status", ""],
  ["name", ""],
  ["started", "number"],
  ["", "bar"],
  ["duration", "number"],
  ["steps", "number"],
  ["err", "number"],
  ["tokens", "number"],
  ["cost", "number"],
  ["lineage", ""],
  ["replay", ""],
] as const;

export interface RunTableProps {
  readonly runs: readonly RunRow[];
  readonly stale: boolean;
  readonly cursor: number;
  readonly selected: ReadonlySet<string>;
  readonly rowHeight: number;
  readonly onOpen: (run: RunRow) => void;
  readonly onCursor: (row: number) => void;
  readonly onSelect: (run: RunRow) => void;
  readonly onNearEnd: () => void;
}

/** The runs in virtual rows; the next page is asked for at 70 % of what is here. */
export function RunTable(props: RunTableProps) {
  const { runs, cursor, rowHeight, onNearEnd } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: runs.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 8,
  });
  const items = rows.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= runs.length * 0.7) onNearEnd();
  }, [last, runs.length, onNearEnd]);
  useEffect(() => {
    if (cursor >= 0) rows.scrollToIndex(cursor, { align: "auto" });
  }, [cursor, rows]);
  const longest = Math.max(1, ...runs.map(({ durationNs }) => Number(durationNs ?? 0)));
  const now = Date.now();
  return (
    <div className={styles.scroller} ref={scroller} data-stale={props.stale}>
      <div role="grid" aria-label="Runs" aria-rowcount={runs.length + 1} className={styles.grid}>
        <div role="row" className={styles.head} aria-rowindex={1} tabIndex={-1}>
          {HEADINGS.map(([label, style]) => (
            <span role="columnheader" key={label || style} data-style={style}>
              {label}
            </span>
          ))}
        </div>
        <div style={{ height: rows.getTotalSize() }} className={styles.rows}>
          {items.map(({ index, start }) => {
            const run = runs[index];
            return run ? (
              <Row
                key={run.id}
                run={run}
                row={index}
                top={start}
                now={now}
                longest={longest}
                {...props}
              />
            ) : null;
          })}
        </div>
      </div>
    </div>
  );
}

interface RowProps extends RunTableProps {
  readonly run: RunRow;
  readonly row: number;
  readonly top: number;
  readonly now: number;
  readonly longest: number;
}

function Row({ run, row, top, now, longest, ...props }: RowProps) {
  const width = `${Math.max(1.5, (100 * Number(run.durationNs ?? 0)) / longest)}%`;
  return (
    <div
      role="row"
      aria-rowindex={row + 2}
      aria-selected={props.selected.has(run.id)}
      tabIndex={row === Math.max(0, props.cursor) ? 0 : -1}
      data-current={row === props.cursor}
      data-run={run.id}
      className={styles.row}
      style={{ transform: `translateY(${top}px)` }}
      onFocus={() => props.onCursor(row)}
      onClick={(event) => (event.shiftKey ? props.onSelect(run) : props.onOpen(run))}
    >
      <Cell>
        <StatusMark status={run.status} />
      </Cell>
      <Cell title={run.name}>
        <span className={styles.name}>{plainLine(run.name)}</span>
        <span className={styles.tag}>{runTag(run.id)}</span>
      </Cell>
      <Cell number title={exactTime(run.startedNs)}>
        {clockTime(run.startedNs, now)}
      </Cell>
      <Cell>
        <span className={styles.bar} style={{ width }} data-status={run.status} />
      </Cell>
      <Cell number title={exactDuration(run.durationNs)}>
        {run.status === "RUNNING" && run.durationNs == null ? "…" : duration(run.durationNs)}
      </Cell>
      <Cell number>{count(run.stepCount)}</Cell>
      <Cell number error>
        {run.errorCount ? `${count(run.errorCount)}▲` : ""}
      </Cell>
      <Cell number>{tokens(tokenSum(run))}</Cell>
      <Cell number>{money(run.costMicroUsd)}</Cell>
      <Cell>
        <Lineage run={run} />
      </Cell>
      <Cell dim>{run.capabilities.join(" ") || "–"}</Cell>
    </div>
  );
}

function Cell({
  children,
  number = false,
  error = false,
  dim = false,
  title,
}: {
  children: React.ReactNode;
  number?: boolean;
  error?: boolean;
  dim?: boolean;
  title?: string;
}) {
  return (
    <span
      role="gridcell"
      className={styles.cell}
      data-number={number}
      data-error={error}
      data-dim={dim}
      title={title}
    >
      {children}
    </span>
  );
}

function tokenSum(run: RunRow): number | null {
  if (run.tokensIn == null && run.tokensOut == null) return null;
  return Number(run.tokensIn ?? 0) + Number(run.tokensOut ?? 0);
}

/** Where the run comes from, and what makes its recording less than whole. */
function Lineage({ run }: { run: RunRow }) {
  return (
    <>
      {run.origin ? <Chip>{`${run.origin.kind} of ${runTag(run.origin.runId)}`}</Chip> : null}
      {run.verdict ? (
        <Chip
          tone={run.verdict === "IDENTICAL" ? "ok" : run.verdict === "FORKED" ? "accent" : "warn"}
        >
          {run.verdict.toLowerCase()}
        </Chip>
      ) : null}
      {run.health.map((flag) => (
        <Chip key={flag} tone="warn">
          {flag.toLowerCase().replace("_", " ")}
        </Chip>
      ))}
      {run.ordering === "derived" ? <Chip>derived order</Chip> : null}
    </>
  );
}
