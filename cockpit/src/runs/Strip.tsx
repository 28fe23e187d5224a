import { count, money, share } from "../format/count";
import { duration } from "../format/duration";
import type { RunsStripQuery } from "../graphql/generated/graphql";
import styles from "./Strip.module.css";

type Day = RunsStripQuery["runStats"][number];

/** Four figures of the listed runs, by day; clicking a day narrows the list to it. */
export function Strip({ days, onDay }: { days: readonly Day[]; onDay: (day: string) => void }) {
  const runs = sum(days, (day) => day.runs);
  const errors = sum(days, (day) => day.errors);
  const slowest = Math.max(0, ...days.map((day) => Number(day.p95Ns)));
  return (
    <section className={styles.strip} aria-label="Figures by day">
      <Figure label="runs" value={count(runs)} days={days} of={(day) => day.runs} onDay={onDay} />
      <Figure
        label="errors"
        value={share(errors, runs)}
        days={days}
        of={(day) => (day.runs ? day.errors / day.runs : 0)}
        error
        onDay={onDay}
      />
      <Figure
        label="p95"
        value={duration(slowest)}
        days={days}
        of={(day) => Number(day.p95Ns)}
        onDay={onDay}
      />
      <Figure
        label="cost"
        value={money(sum(days, (day) => Number(day.costMicroUsd)) || null)}
        days={days}
        of={(day) => Number(day.costMicroUsd)}
        onDay={onDay}
      />
    </section>
  );
}

function sum(days: readonly Day[], of: (day: Day) => number): number {
  return days.reduce((total, day) => total + of(day), 0);
}

function Figure({
  label,
  value,
  days,
  of,
  error = false,
  onDay,
}: {
  label: string;
  value: string;
  days: readonly Day[];
  of: (day: Day) => number;
  error?: boolean;
  onDay: (day: string) => void;
}) {
  const highest = Math.max(...days.map(of), Number.MIN_VALUE);
  return (
    <div className={styles.figure}>
      <span className={styles.label}>{label}</span>
      <span className={styles.value}>{value}</span>
      <span className={styles.bars} data-error={error}>
        {days.map((day) => (
          <button
            type="button"
            key={day.group}
            tabIndex={-1}
            className={styles.day}
            title={`${label} on ${day.group.slice(0, 10)}`}
            aria-label={`since ${day.group.slice(0, 10)}`}
            onClick={() => onDay(day.group.slice(0, 10))}
          >
            <span style={{ height: `${Math.max(6, (100 * of(day)) / highest)}%` }} />
          </button>
        ))}
      </span>
    </div>
  );
}
