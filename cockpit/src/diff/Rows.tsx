import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import { plural } from "../format/count";
import { Gutter } from "./Gutter";
import type { Loaded } from "./loaded";
import { RowLine } from "./RowLine";
import styles from "./Rows.module.css";
import { type Line, lineAt, lineCount, type Segment } from "./segments";
import { useGlances } from "./useGlances";

export interface RowsProps {
  readonly a: string;
  readonly b: string;
  readonly segments: readonly Segment[];
  readonly loaded: Loaded;
  /** Line of the selected row or fold, -1 for none. */
  readonly cursor: number;
  readonly first: number | null;
  readonly rowHeight: number;
  readonly stale: boolean;
  readonly onOpen: (index: number) => void;
  readonly onUnfold: (from: number) => void;
  readonly onWant: (indexes: readonly number[]) => void;
}

/** Aligned pairs in one virtual list; what is in view and not here yet is asked for. */
export function Rows(props: RowsProps) {
  const { segments, loaded, cursor, rowHeight, onWant } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const lines = lineCount(segments);
  const rows = useVirtualizer({
    count: lines,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 8,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: another height moves every line.
  useEffect(() => rows.measure(), [rowHeight, rows]);
  useEffect(() => {
    if (cursor >= 0) rows.scrollToIndex(cursor, { align: "auto" });
  }, [cursor, rows]);
  const items = rows.getVirtualItems();
  const inView = items.flatMap(({ index }) => {
    const line = lineAt(segments, index);
    return line?.type === "row" ? [line.index] : [];
  });
  const shown = inView.join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: `shown` stands for the rows in view; what is loaded may have become stale.
  useEffect(() => onWant(inView), [shown, onWant, loaded]);
  const here = inView.filter((index) => loaded.rows.has(index));
  const glances = useGlances(props.a, props.b, loaded, here);
  return (
    <div className={styles.list} data-stale={props.stale}>
      <div className={styles.scroller} ref={scroller}>
        <div
          role="grid"
          aria-label="Aligned steps"
          aria-rowcount={lines}
          className={styles.rows}
          style={{ height: rows.getTotalSize() }}
        >
          {items.map(({ index, start }) => {
            const line = lineAt(segments, index);
            if (!line) return null;
            const row = line.type === "row" ? loaded.rows.get(line.index) : undefined;
            const place = { top: start, height: rowHeight, line: index };
            const current = index === cursor;
            if (row) {
              return (
                <RowLine
                  key={row.index}
                  row={row}
                  glance={glances.get(row.index)}
                  place={place}
                  current={current}
                  reachable={current || (cursor < 0 && index === 0)}
                  isFirst={row.index === props.first}
                  onOpen={props.onOpen}
                />
              );
            }
            return (
              <Unrowed
                key={keyOf(line)}
                line={line}
                top={start}
                height={rowHeight}
                current={current}
                onUnfold={props.onUnfold}
              />
            );
          })}
        </div>
      </div>
      <Gutter
        segments={segments}
        loaded={loaded}
        height={rows.getTotalSize()}
        onOpen={props.onOpen}
      />
    </div>
  );
}

function keyOf(line: Line): string {
  return line.type === "fold" ? `fold-${line.from}` : `hole-${line.index}`;
}

/** A fold, or a row that is on its way. */
function Unrowed(props: {
  line: Line;
  top: number;
  height: number;
  current: boolean;
  onUnfold: (from: number) => void;
}) {
  const { line } = props;
  const style = { transform: `translateY(${props.top}px)`, height: props.height };
  if (line.type === "row") {
    return <div className={styles.hole} style={style} aria-hidden="true" />;
  }
  return (
    <div role="row" className={styles.fold} style={style} data-current={props.current}>
      <span role="gridcell">
        <button
          type="button"
          tabIndex={props.current ? 0 : -1}
          onClick={() => props.onUnfold(line.from)}
        >
          <span aria-hidden="true">▸</span> {plural(line.to - line.from, "identical step")}
        </button>
      </span>
    </div>
  );
}
