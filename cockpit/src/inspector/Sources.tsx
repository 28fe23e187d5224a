import { Link } from "@tanstack/react-router";
import { useQuery } from "urql";
import { count } from "../format/count";
import { plainLine } from "../format/visible";
import { failureOf } from "../graphql/failure";
import type { HopFragment } from "../graphql/generated/graphql";
import { KindMark } from "../ui/Marks";
import { Recorded } from "../ui/Recorded";
import { Failed, Skeleton } from "../ui/State";
import { StepSources } from "./documents";
import styles from "./Sources.module.css";

const HOW: Record<string, string> = {
  block: "the very block",
  value: "the same value",
  text: "inside a text",
};

/** Where the inputs of a step came from, and which later inputs its output reached. */
export function Sources({ run, sequence }: { run: string; sequence: string }) {
  const [{ data, error, fetching }, again] = useQuery({
    query: StepSources,
    variables: { run, sequence },
  });
  if (error) return <Failed failure={failureOf(error)} onRetry={again} />;
  const step = data?.run?.step;
  if (!step) return fetching ? <Skeleton rows={4} label="Loading sources" /> : null;
  return (
    <div className={styles.sources}>
      <Hops
        title="came from"
        hint="["
        none="No earlier output was found in its inputs."
        run={run}
        hops={step.sources}
      />
      <Hops
        title="went into"
        hint="]"
        none="No later input holds its output."
        run={run}
        hops={step.usedBy}
      />
    </div>
  );
}

function Hops({
  title,
  hint,
  none,
  run,
  hops,
}: {
  title: string;
  hint: string;
  none: string;
  run: string;
  hops: readonly HopFragment[];
}) {
  return (
    <section aria-label={title}>
      <h3 className={styles.title}>
        {title} {hops.length ? count(hops.length) : ""} <kbd>{hint}</kbd>
      </h3>
      {hops.length === 0 ? <p className={styles.none}>{none}</p> : null}
      <ul>
        {hops.map(({ step, part, pointer, how }) => (
          <li key={`${step.sequence} ${part} ${pointer}`} className={styles.hop}>
            <KindMark kind={step.kind} />
            <Link to="/runs/$run/steps/$step" params={{ run, step: step.sequence }} search={true}>
              #{step.sequence} {plainLine(step.name)}
            </Link>
            <code>
              <Recorded text={`${part}${pointer}`} />
            </code>
            <span>{HOW[how] ?? how}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
