import { count, money } from "../format/count";
import { duration, exactDuration } from "../format/duration";
import { Recorded } from "../ui/Recorded";
import type { PairStep } from "./questions";
import styles from "./Tabs.module.css";
import type { Pair } from "./usePair";

interface Figure {
  readonly label: string;
  readonly of: (step: PairStep) => string | number | null;
  readonly show: (value: string | number | null) => string;
  readonly exact?: (value: string | number | null) => string;
}

const word = (value: string | number | null) =>
  value === null ? "–" : String(value).toLowerCase();
const figure = (value: string | number | null) => (value === null ? "–" : count(value));

const FIGURES: readonly Figure[] = [
  { label: "status", of: (step) => step.status, show: word },
  { label: "error", of: (step) => step.errorClass, show: (value) => String(value ?? "–") },
  {
    label: "duration",
    of: (step) => step.durationNs,
    show: duration,
    exact: (value) => exactDuration(value),
  },
  {
    label: "served",
    of: (step) => step.replay?.mode ?? null,
    show: (value) => (value === null ? "recorded" : word(value)),
  },
  { label: "attempts", of: (step) => step.attempts, show: figure },
  { label: "tokens in", of: (step) => step.tokensIn, show: figure },
  { label: "tokens out", of: (step) => step.tokensOut, show: figure },
  { label: "cost", of: (step) => step.costMicroUsd, show: money },
  { label: "model", of: (step) => step.model, show: (value) => String(value ?? "–") },
  { label: "finish", of: (step) => step.finishReason, show: (value) => String(value ?? "–") },
  { label: "effect", of: (step) => step.effect, show: word },
];

/** Status, time, tokens and cost side by side; figures nobody recorded are left out. */
export function TimingTab({ pair: { left, right } }: { pair: Pair }) {
  const rows = FIGURES.filter(
    (row) => (left && row.of(left) !== null) || (right && row.of(right) !== null),
  );
  return (
    <>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">
              <span className="visually-hidden">figure</span>
            </th>
            <th scope="col">A</th>
            <th scope="col">B</th>
            <th scope="col">change</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Figures key={row.label} row={row} left={left} right={right} />
          ))}
        </tbody>
      </table>
      {left?.replay || right?.replay ? (
        <p className={styles.note}>Times of served answers say nothing about the provider.</p>
      ) : null}
    </>
  );
}

function Figures({
  row,
  left,
  right,
}: {
  row: Figure;
  left: PairStep | null;
  right: PairStep | null;
}) {
  const a = left ? row.of(left) : null;
  const b = right ? row.of(right) : null;
  const differs = left !== null && right !== null && a !== b;
  return (
    <tr data-differs={differs}>
      <th scope="row">{row.label}</th>
      <td title={left && row.exact ? row.exact(a) : undefined}>
        <Recorded text={left ? row.show(a) : "–"} />
      </td>
      <td title={right && row.exact ? row.exact(b) : undefined}>
        <Recorded text={right ? row.show(b) : "–"} />
      </td>
      <td>{differs ? changeOf(row.label, a, b) : ""}</td>
    </tr>
  );
}

function changeOf(label: string, a: string | number | null, b: string | number | null): string {
  if (a === null || b === null) return "≠";
  const before = Number(a);
  const after = Number(b);
  if (Number.isNaN(before) || Number.isNaN(after)) return "≠";
  if (label !== "attempts" && before > 0) return ratioOf(after / before);
  return `${after >= before ? "+" : "−"}${count(Math.abs(after - before))}`;
}

function ratioOf(ratio: number): string {
  if (ratio >= 10) return `× ${Math.round(ratio)}`;
  if (ratio >= 2) return `× ${ratio.toFixed(1)}`;
  if (ratio <= 0.5) return `× ${ratio.toFixed(2)}`;
  return `${ratio >= 1 ? "+" : "−"}${Math.abs(100 * (ratio - 1)).toFixed(0)} %`;
}
