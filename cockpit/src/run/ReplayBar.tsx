import { Link } from "@tanstack/react-router";
import { count, plural } from "../format/count";
import { runTag } from "../format/identity";
import { plainLine } from "../format/visible";
import type { RunFacts } from "../runstore/documents";
import { Chip, type Tone } from "../ui/Chip";
import styles from "./ReplayBar.module.css";

const VERDICT: Record<string, readonly [Tone, string]> = {
  IDENTICAL: ["ok", "every call matched and the output is equal"],
  FORKED: ["accent", "left its recording at the cut, as asked"],
  DIVERGED: ["warn", "stopped agreeing with its recording"],
  PARTIAL: ["warn", "ended before its recording did"],
  INCOMPARABLE: ["error", "cannot be compared with its recording"],
};

/** State and outcome of a replay, over the timeline of the run it made. */
export function ReplayBar({
  facts,
  base,
  recorded,
  steps,
  diverged,
}: {
  facts: RunFacts;
  /** Run whose steps are compared. */
  base: string;
  /** Steps of the recording; null while it loads. */
  recorded: number | null;
  steps: number;
  /** Number of the first diverged step; null without one. */
  diverged: number | null;
}) {
  const [tone, words] = VERDICT[facts.verdict ?? ""] ?? ["plain", ""];
  const { origin } = facts;
  return (
    <section className={styles.bar} aria-label="Replay">
      <Chip tone={facts.verdict ? tone : "accent"}>
        {facts.verdict
          ? facts.verdict.toLowerCase()
          : facts.status === "RUNNING"
            ? "running"
            : "no verdict"}
      </Chip>
      <span className={styles.words}>{words}</span>
      <span>
        {count(steps)} of {recorded === null ? "…" : plural(recorded, "recorded step")}
      </span>
      {origin?.cutKey ? (
        <span>
          cut {origin.cutSide} <code>{plainLine(origin.cutKey)}</code>
        </span>
      ) : null}
      {diverged === null ? null : (
        <Link
          to="/runs/$run/steps/$step"
          params={{ run: facts.id, step: String(diverged) }}
          search={true}
        >
          ≠ first divergence #{diverged}
        </Link>
      )}
      <span className={styles.links}>
        <Link to="/runs/$run" params={{ run: base }} search={{}}>
          Recording {runTag(base)}
        </Link>
        <Link to="/diff/$pair" params={{ pair: `${base}...${facts.id}` }} search={{}}>
          Diff
        </Link>
      </span>
    </section>
  );
}
