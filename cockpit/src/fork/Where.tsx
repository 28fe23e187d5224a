import { Link } from "@tanstack/react-router";
import { useQuery } from "urql";
import { plural } from "../format/count";
import { runTag } from "../format/identity";
import { plainLine } from "../format/visible";
import { Flag, kindName } from "../runstore/columns";
import type { RunStore } from "../runstore/store";
import { KindMark } from "../ui/Marks";
import styles from "./Composer.module.css";
import { ForkContext } from "./documents";
import type { Composing } from "./useComposer";

const AROUND = 7;

/** The steps around the cut, what was forked here before, and how often to do it. */
export function Where({
  store,
  row,
  composing,
}: {
  store: RunStore;
  row: number;
  composing: Composing;
}) {
  const { settings, change, planning } = composing;
  const { columns } = store;
  const from = Math.max(0, Math.min(row - AROUND, columns.count - 2 * AROUND - 1));
  const to = Math.min(columns.count, from + 2 * AROUND + 1);
  const cut = planning.plan?.cut;
  const refusal = planning.current
    ? planning.plan?.refusals.find(({ field }) => field.startsWith("cut"))
    : undefined;
  return (
    <section className={styles.where} aria-label="Where">
      <fieldset className={styles.sides}>
        <legend>cut</legend>
        {(["before", "after"] as const).map((side) => (
          <label key={side}>
            <input
              type="radio"
              name="side"
              checked={settings.side === side}
              onChange={() => change({ side })}
            />
            {side}
          </label>
        ))}
      </fieldset>
      <ol className={styles.steps} start={from + 1}>
        {Array.from({ length: to - from }, (_, at) => (
          <StepAt
            key={columns.sequence[from + at]}
            store={store}
            row={from + at}
            cut={row}
            side={settings.side}
          />
        ))}
      </ol>
      <p className={styles.place}>
        {plural(row, "step")} before, {plural(columns.count - row - 1, "step")} after
      </p>
      {cut?.snapped ? (
        <p className={styles.warning}>
          The cut moves from #{cut.askedSequence} to #{cut.usedSequence}: tool calls would stay open
          between.
        </p>
      ) : null}
      {refusal ? (
        <p className={styles.trouble} role="alert">
          {refusal.message}
        </p>
      ) : null}
      <Siblings run={store.runId} cutKey={cut?.usedKey ?? composing.step?.key ?? null} />
      <Baseline composing={composing} />
      <label className={styles.samples}>
        samples
        <input
          type="number"
          min={1}
          max={50}
          value={settings.samples}
          onChange={(event) => {
            const samples = Math.round(Number(event.target.value));
            if (samples >= 1 && samples <= 50) change({ samples });
          }}
        />
      </label>
    </section>
  );
}

function StepAt({
  store,
  row,
  cut,
  side,
}: {
  store: RunStore;
  row: number;
  cut: number;
  side: "before" | "after";
}) {
  const { columns, runId } = store;
  const number = String(columns.sequence[row]);
  return (
    <li
      className={styles.step}
      data-cut={row === cut}
      data-side={side}
      data-past={row < cut || (row === cut && side === "after")}
    >
      <Link
        to="/runs/$run/fork/$step"
        params={{ run: runId, step: number }}
        search={true}
        replace
        aria-current={row === cut ? "step" : undefined}
      >
        <span className={styles.number}>#{number}</span>
        <KindMark kind={kindName(columns.kind[row] ?? 0)} />
        <span className={styles.name}>{plainLine(columns.nameAt(row))}</span>
        {(columns.flags[row] ?? 0) & Flag.error ? <b title="error">▲</b> : null}
      </Link>
    </li>
  );
}

/** Forks that were cut at the same step. */
function Siblings({ run, cutKey }: { run: string; cutKey: string | null }) {
  const [{ data }] = useQuery({ query: ForkContext, variables: { run } });
  const here = (data?.run?.forks.nodes ?? []).filter(
    ({ origin }) => cutKey !== null && origin?.cutKey === cutKey,
  );
  if (here.length === 0) return null;
  return (
    <div className={styles.siblings}>
      <span>{plural(here.length, "fork")} from here</span>
      {here.slice(0, 8).map(({ id, verdict }) => (
        <Link key={id} to="/runs/$run" params={{ run: id }} search={{ base: run }}>
          {runTag(id)} {verdict?.toLowerCase() ?? ""}
        </Link>
      ))}
    </div>
  );
}

function Baseline({ composing }: { composing: Composing }) {
  const { plan } = composing.planning;
  if (!plan) return null;
  const unproven = plan.notes.some((note) => note.toLowerCase() === "baseline_unproven");
  return unproven ? (
    <p className={styles.warning}>
      Not proven yet that this run replays identically without edits. That is tried first; if it
      does not, the result says so.
    </p>
  ) : (
    <p className={styles.place}>✓ baseline identical</p>
  );
}
