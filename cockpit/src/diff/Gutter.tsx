import { useMemo } from "react";
import { lookOf } from "./classes";
import type { Loaded } from "./loaded";
import styles from "./Rows.module.css";
import type { Segment } from "./segments";
import { ticksOf } from "./ticks";

const PLACES = 160;

/** The changes of the whole list at a glance; the list beside it is its accessible twin. */
export function Gutter({
  segments,
  loaded,
  height,
  onOpen,
}: {
  segments: readonly Segment[];
  loaded: Loaded;
  /** Of all lines, in px; a short list has a short gutter. */
  height: number;
  onOpen: (index: number) => void;
}) {
  const ticks = useMemo(() => ticksOf(segments, loaded, PLACES), [segments, loaded]);
  return (
    <div className={styles.gutter} aria-hidden="true">
      <div className={styles.ticks} style={{ height }}>
        {ticks.map(({ at, class: name, index }) => (
          <button
            key={index}
            type="button"
            tabIndex={-1}
            className={styles.tick}
            data-class={name}
            style={{ top: `${100 * at}%` }}
            title={lookOf(name).word}
            onClick={() => onOpen(index)}
          />
        ))}
      </div>
    </div>
  );
}
