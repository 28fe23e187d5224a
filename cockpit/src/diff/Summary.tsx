import { Link } from "@tanstack/react-router";
import { plural } from "../format/count";
import { runTag } from "../format/identity";
import { plainLine } from "../format/visible";
import { Chip } from "../ui/Chip";
import { StatusMark } from "../ui/Marks";
import { ClassMark } from "./ClassMark";
import { ordered } from "./classes";
import type { Compared } from "./loading";
import type { Side } from "./questions";
import { editPhrases, missingPhrases, outcomePhrase, unprovenSides } from "./report";
import styles from "./Summary.module.css";

const VERDICT: Readonly<Record<string, string>> = {
  identical: "✓ identical",
  different: "≠ different",
  incomplete: "? all that is known is equal",
};

/** The two runs, in the bar: name, tag, status. */
export function Runs({ a, b }: { a: Side; b: Side }) {
  return (
    <h1 className={styles.runs}>
      <span className={styles.page}>Diff</span>
      <RunName side={a} name="A" />
      <span className={styles.versus} title="against">
        ⇄
      </span>
      <RunName side={b} name="B" />
    </h1>
  );
}

function RunName({ side, name }: { side: Side; name: "A" | "B" }) {
  return (
    <Link
      to="/runs/$run"
      params={{ run: side.id }}
      search={{}}
      className={styles.run}
      title={`${name}: ${plainLine(side.name)} ${side.id}`}
    >
      <span className={styles.letter}>{name}</span>
      <StatusMark status={side.status} bare />
      <span className={styles.name}>{plainLine(side.name)}</span>
      <span className={styles.tag}>{runTag(side.id)}</span>
    </Link>
  );
}

/** Counts by class, how the runs ended, what sets them apart, and what could not be compared. */
export function Summary({
  compared,
  onClass,
}: {
  compared: Compared;
  /** A reader wants the next row of a class. */
  onClass: (name: string) => void;
}) {
  const { report, a, b } = compared;
  const outcome = outcomePhrase(report);
  return (
    <div className={styles.summary}>
      <span className={styles.verdict} data-verdict={compared.verdict}>
        {VERDICT[compared.verdict] ?? compared.verdict}
      </span>
      <Chip tone={outcome.equal ? "plain" : "warn"} title="How the two runs ended">
        {outcome.text}
      </Chip>
      <ul className={styles.counts} aria-label="Rows by class">
        {ordered(report.counts).map(([name, count]) => (
          <li key={name}>
            <button
              type="button"
              className={styles.count}
              onClick={() => onClass(name)}
              disabled={name === "same" || name === "moved"}
            >
              <ClassMark name={name} word />
              <strong>{count.toLocaleString("en-US")}</strong>
            </button>
          </li>
        ))}
      </ul>
      <Apart a={a} b={b} />
      {compared.provisional ? (
        <Chip tone="warn" title="A run still grows: what changes here comes by itself.">
          ● live, provisional
        </Chip>
      ) : null}
      {report.ambiguous ? (
        <Chip tone="warn" title="Other pairings fit as well.">
          {plural(report.ambiguous, "ambiguous pair")}
        </Chip>
      ) : null}
      {report.coarse ? <Chip tone="warn">{plural(report.coarse, "coarse pair")}</Chip> : null}
      {editPhrases(report).map((phrase) => (
        <Chip key={phrase} tone="accent" title="What the fork changed on purpose">
          {plainLine(phrase)}
        </Chip>
      ))}
      {unprovenSides(report).map((side) => (
        <Chip
          key={side}
          tone="warn"
          title="No exact replay has proven its recording: not every difference need be of an edit."
        >
          {side} baseline unproven
        </Chip>
      ))}
      {missingPhrases(report.missing).map((phrase) => (
        <Chip key={phrase} tone="warn">{`not compared: ${phrase}`}</Chip>
      ))}
    </div>
  );
}

/** Tags that only one of the two runs has. */
function Apart({ a, b }: { a: Side; b: Side }) {
  const onlyA = a.tags.filter((tag) => !b.tags.includes(tag));
  const onlyB = b.tags.filter((tag) => !a.tags.includes(tag));
  if (onlyA.length + onlyB.length === 0) return null;
  return (
    <span className={styles.apart} title="Tags that only one of the runs has">
      {onlyA.map((tag) => (
        <Chip key={tag}>A {plainLine(tag)}</Chip>
      ))}
      {onlyB.map((tag) => (
        <Chip key={tag}>B {plainLine(tag)}</Chip>
      ))}
    </span>
  );
}
