import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import { count, money, tokens } from "../format/count";
import { duration } from "../format/duration";
import { plainLine } from "../format/visible";
import { Flag, kindName, modeOf } from "../runstore/columns";
import type { RunStore } from "../runstore/store";
import { KindMark } from "../ui/Marks";
import { gapOf } from "./lines";
import { AGREEMENT_MARK, AGREEMENT_WORD, type Agreement } from "./marks";
import styles from "./Tree.module.css";

const INDENT = 14;
const DEEPEST = 12;

/** A window on the axis, and what of it a row takes. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly startOf: (row: number) => number;
  readonly endOf: (row: number) => number;
}

export interface TreeProps {
  readonly store: RunStore;
  readonly lines: Int32Array;
  readonly folded: ReadonlySet<number>;
  readonly hits: Uint8Array | null;
  /** Row of the chosen step, -1 for none. */
  readonly selected: number;
  readonly rowHeight: number;
  readonly following: boolean;
  /** The window of the bars; null shows figures instead. */
  readonly window: Span | null;
  /** Agreement by row; null when the run is no replay. */
  readonly agreement: ((row: number) => Agreement | null) | null;
  readonly onSelect: (row: number) => void;
  readonly onFold: (row: number) => void;
}

/** The steps as a treegrid: one tab stop, virtual rows, the accessible twin of the timeline. */
export function Tree(props: TreeProps) {
  const { store, lines, selected, rowHeight, following } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  });
  const line = selected < 0 ? -1 : lines.indexOf(selected);
  useEffect(() => {
    if (line >= 0) rows.scrollToIndex(line, { align: "auto" });
  }, [line, rows]);
  useEffect(() => {
    if (following && lines.length) rows.scrollToIndex(lines.length - 1, { align: "end" });
  }, [following, lines.length, rows]);
  return (
    <div className={styles.scroller} ref={scroller}>
      <div
        role="treegrid"
        aria-label="Steps"
        aria-rowcount={lines.length}
        aria-activedescendant={
          selected < 0 ? undefined : `step-${store.columns.sequence[selected]}`
        }
        tabIndex={0}
        data-tree
        data-view={props.window ? "waterfall" : "tree"}
        data-replay={props.agreement !== null}
        data-tokens={has(store.columns.tokens, store.columns.count)}
        data-cost={has(store.columns.microUsd, store.columns.count)}
        className={styles.grid}
        style={{ height: rows.getTotalSize() }}
      >
        {rows.getVirtualItems().map(({ index, start }) => {
          const value = lines[index] ?? 0;
          const gap = gapOf(value);
          return gap >= 0 ? (
            <GapLine key={`gap-${gap}`} store={store} gap={gap} at={index} top={start} />
          ) : (
            <StepLine key={value} row={value} at={index} top={start} {...props} />
          );
        })}
      </div>
    </div>
  );
}

/** Whether any row has the figure: columns without figures take no room. */
function has(column: Uint32Array, count: number): boolean {
  for (let row = 0; row < count; row++) if (column[row]) return true;
  return false;
}

function GapLine({
  store,
  gap,
  at,
  top,
}: {
  store: RunStore;
  gap: number;
  at: number;
  top: number;
}) {
  const hole = store.gaps[gap];
  if (!hole) return null;
  const reason = plainLine(hole.reason).replaceAll("_", " ");
  return (
    <div
      role="row"
      aria-rowindex={at + 1}
      className={styles.gap}
      style={{ transform: `translateY(${top}px)` }}
    >
      <span role="gridcell" aria-hidden="false">
        ░ {count(hole.count)} {hole.count === 1 ? "event" : "events"} missing: {reason}
      </span>
    </div>
  );
}

interface StepLineProps extends TreeProps {
  readonly row: number;
  readonly at: number;
  readonly top: number;
}

function StepLine({
  window,
  store,
  row,
  at,
  top,
  folded,
  hits,
  selected,
  agreement,
  onSelect,
  onFold,
}: StepLineProps) {
  const { columns } = store;
  const tree = store.tree();
  const flags = columns.flags[row] ?? 0;
  const depth = Math.min(tree.depth[row] ?? 0, DEEPEST);
  const parent = (tree.firstChild[row] ?? -1) >= 0;
  const closed = folded.has(row);
  const below = tree.errorsBelow[row] ?? 0;
  return (
    <div
      role="row"
      id={`step-${columns.sequence[row]}`}
      aria-rowindex={at + 1}
      aria-level={(tree.depth[row] ?? 0) + 1}
      aria-expanded={parent ? !closed : undefined}
      aria-selected={row === selected}
      data-step={columns.sequence[row]}
      data-dim={hits !== null && !hits[row]}
      className={styles.row}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => onSelect(row)}
    >
      <Name row={row} depth={depth} parent={parent} closed={closed} store={store} onFold={onFold} />
      {agreement ? <Replay flags={flags} mark={agreement(row)} /> : null}
      <Figure name="duration">{stepDuration(store, row)}</Figure>
      <Figure name="tokens">{columns.tokens[row] ? tokens(columns.tokens[row]) : ""}</Figure>
      <Figure name="cost">{columns.microUsd[row] ? money(columns.microUsd[row]) : ""}</Figure>
      {window ? <Bar row={row} store={store} window={window} /> : null}
      <span role="gridcell" className={styles.marks}>
        {flags & Flag.withheld ? <i title="a payload cannot be read">withheld</i> : null}
        {flags & Flag.error ? <b title="error">▲</b> : null}
        {below > 0 ? <b title={`${below} errors below`}>{count(below)}▲</b> : null}
      </span>
    </div>
  );
}

function Name({
  row,
  depth,
  parent,
  closed,
  store,
  onFold,
}: {
  row: number;
  depth: number;
  parent: boolean;
  closed: boolean;
  store: RunStore;
  onFold: (row: number) => void;
}) {
  const { columns } = store;
  const running = (columns.flags[row] ?? 0) & Flag.running;
  return (
    <span role="gridcell" className={styles.name} style={{ paddingLeft: depth * INDENT }}>
      {parent ? (
        <button
          type="button"
          tabIndex={-1}
          className={styles.fold}
          aria-label={closed ? "Unfold" : "Fold"}
          onClick={(event) => {
            event.stopPropagation();
            onFold(row);
          }}
        >
          {closed ? "▸" : "▾"}
        </button>
      ) : (
        <span className={styles.fold} />
      )}
      <span className={styles.sequence}>#{columns.sequence[row]}</span>
      <KindMark kind={kindName(columns.kind[row] ?? 0)} />
      <span className={styles.label}>{plainLine(columns.nameAt(row))}</span>
      {running ? (
        <span className={styles.running} title="running">
          ●
        </span>
      ) : null}
    </span>
  );
}

function Replay({ flags, mark }: { flags: number; mark: Agreement | null }) {
  const mode = modeOf(flags);
  const edited = (flags & Flag.edited) !== 0;
  return (
    <span role="gridcell" className={styles.replay}>
      {mode === "recorded" ? null : (
        <span className={styles.mode} data-mode={edited ? "edited" : mode} title={mode}>
          {edited ? "edited" : mode}
        </span>
      )}
      <span
        className={styles.agreement}
        data-agreement={mark}
        title={mark ? AGREEMENT_WORD[mark] : undefined}
      >
        {mark ? AGREEMENT_MARK[mark] : ""}
      </span>
    </span>
  );
}

/** The step on the window of the timeline. */
function Bar({ row, store, window }: { row: number; store: RunStore; window: Span }) {
  const width = window.to - window.from;
  const left = Math.max(0, (window.startOf(row) - window.from) / width);
  const right = Math.min(1, (window.endOf(row) - window.from) / width);
  const flags = store.columns.flags[row] ?? 0;
  return (
    <span role="gridcell" className={styles.track}>
      {right > 0 && left < 1 ? (
        <span
          className={styles.bar}
          data-kind={kindName(store.columns.kind[row] ?? 0).toLowerCase()}
          data-error={(flags & Flag.error) !== 0}
          style={{ left: `${left * 100}%`, width: `${Math.max(0, right - left) * 100}%` }}
        />
      ) : null}
    </span>
  );
}

function Figure({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <span role="gridcell" className={styles.figure} data-figure={name}>
      {children}
    </span>
  );
}

function stepDuration({ columns }: RunStore, row: number): string {
  const end = columns.end[row] ?? Number.NaN;
  return Number.isNaN(end) ? "…" : duration(end - (columns.start[row] ?? 0));
}
