import { plural } from "../format/count";
import styles from "./Comparing.module.css";
import type { Waiting } from "./loading";

const PHASES = ["queued", "loading", "aligning", "classing", "storing"];
const WORDS: Readonly<Record<string, string>> = {
  queued: "waiting for a worker",
  running: "a worker has begun",
  loading: "reading the steps of both runs",
  aligning: "pairing the steps",
  classing: "telling causes from consequences",
  storing: "keeping the result",
};

/** A comparison on its way: what is compared, and how far it is. */
export function Comparing({ waiting }: { waiting: Waiting | null }) {
  const { a, b, phase } = waiting ?? { a: null, b: null, phase: null };
  const done = phase === null ? -1 : PHASES.indexOf(phase);
  return (
    <section className={styles.comparing} role="status" aria-label="Comparing">
      <p className={styles.what}>
        {a && b
          ? `Comparing ${plural(a.stepCount, "step")} with ${plural(b.stepCount, "step")}`
          : "Comparing"}
        <span className={styles.phase}>{phase ? (WORDS[phase] ?? phase) : ""}</span>
      </p>
      <progress
        className={styles.bar}
        aria-label="Comparison"
        {...(done < 0 ? {} : { max: PHASES.length, value: done + 1 })}
      />
    </section>
  );
}
