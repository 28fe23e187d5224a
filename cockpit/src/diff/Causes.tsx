import { useState } from "react";
import { count, money, plural } from "../format/count";
import { duration } from "../format/duration";
import { plainLine } from "../format/visible";
import { KINDS, type KindName } from "../runstore/columns";
import { Button } from "../ui/Button";
import { Chip } from "../ui/Chip";
import { KindMark } from "../ui/Marks";
import styles from "./Causes.module.css";
import { ClassMark } from "./ClassMark";
import {
  armWords,
  evidence,
  rate,
  samplingWords,
  stoppedWords,
  wordCounts,
  wordLook,
  wordText,
} from "./causes";
import { lookOf, partWords } from "./classes";
import type { Attribution } from "./questions";
import { type PathStep, type Report, type Root, readVerification, reasonWords } from "./report";

const SHOWN = 4;

/** A kind as the report writes it. */
function kindOf(kind: string): KindName {
  return KINDS.find((one) => one === kind.toUpperCase()) ?? "CUSTOM";
}

export interface CausesProps {
  readonly report: Report;
  readonly attribution: Attribution | null;
  /** Row of the opened pair. */
  readonly current: number | null;
  /** Why nothing can be verified; null when it can. */
  readonly unverifiable: string | null;
  readonly onRoot: (root: Root) => void;
  readonly onVerify: () => void;
  readonly onStop: () => void;
}

/** Every place where a difference begins, with how sure it is that it caused the outcome. */
export function Causes(props: CausesProps) {
  const { report, attribution } = props;
  const [all, setAll] = useState(false);
  const shown = all ? report.roots : report.roots.slice(0, SHOWN);
  const more = report.roots.length - shown.length;
  const running = attribution?.state === "running";
  return (
    <section className={styles.causes} aria-label="Causes">
      <header className={styles.head}>
        <h2>{report.roots.length === 1 ? "cause" : "causes"}</h2>
        <span className={styles.counts}>{wordCounts(report.roots)}</span>
        {report.joint.length > 0 ? (
          <Chip tone="ok" title={report.joint.join(", ")}>
            ✓ verified together: {report.joint.join(", ")}
          </Chip>
        ) : null}
        <span className={styles.go}>
          <Button
            onPress={props.onVerify}
            hint="v"
            disabled={running || props.unverifiable !== null}
            title={props.unverifiable ?? "Show by replays which of these made the other outcome"}
          >
            Verify
          </Button>
        </span>
      </header>
      {attribution ? <Progress attribution={attribution} onStop={props.onStop} /> : null}
      <ul className={styles.roots}>
        {shown.map((root) => (
          <Cause
            key={root.row}
            root={root}
            opened={root.row === props.current}
            onOpen={() => props.onRoot(root)}
          />
        ))}
        {more > 0 ? (
          <li>
            <button type="button" className={styles.more} onClick={() => setAll(true)}>
              + {count(more)} more
            </button>
          </li>
        ) : null}
      </ul>
    </section>
  );
}

function Cause({ root, opened, onOpen }: { root: Root; opened: boolean; onOpen: () => void }) {
  const look = wordLook(root.word);
  const proof = evidence(root);
  return (
    <li className={styles.root} data-word={root.word} data-opened={opened}>
      <button type="button" className={styles.open} onClick={onOpen} title={look.meaning}>
        <Chip tone={look.tone}>
          <span aria-hidden="true">{look.mark}</span> {wordText(root.word)}
        </Chip>
        <ClassMark name={root.class} />
        <span className={styles.number}>#{root.seqB ?? root.seqA}</span>
        <strong className={styles.name}>{plainLine(root.name ?? "")}</strong>
        <span className={styles.why}>
          {root.parts.length ? partWords(root.parts) : lookOf(root.class).word}
          {root.sub && root.sub !== "intervention" ? `, ${root.sub}` : ""}
        </span>
      </button>
      {proof ? <span className={styles.proof}>{proof}</span> : null}
      {root.couldBeSampling ? (
        <Chip tone="warn" title={samplingWords(root)}>
          could be sampling
        </Chip>
      ) : null}
      {root.verification === "not_revertible" ? (
        <Chip tone="warn" title="No edit sets this difference back.">
          cannot be reverted
        </Chip>
      ) : null}
      {root.pathSteps.length > 0 && root.word !== "none" ? <Path root={root} /> : null}
    </li>
  );
}

const DRAWN = 6;

/** The steps over which it reached the outcome; the middle of a long way is counted. */
function Path({ root }: { root: Root }) {
  const steps = root.pathSteps;
  const left = root.path.length - DRAWN;
  const drawn: readonly PathStep[] =
    left > 0 ? [...steps.slice(0, DRAWN - 1), ...steps.slice(-1)] : steps;
  return (
    <ol className={styles.path} aria-label="Way to the outcome">
      {drawn.map(({ side, seq, kind, name }, at) => (
        <li key={`${side}${seq}`} title={plainLine(name)}>
          {left > 0 && at === DRAWN - 1 ? <small>… {plural(left, "step")} …</small> : null}
          <KindMark kind={kindOf(kind)} />#{seq}
        </li>
      ))}
      <li className={styles.outcome}>outcome</li>
    </ol>
  );
}

/** How far the replays are, what they took, and why they ended. */
function Progress({ attribution, onStop }: { attribution: Attribution; onStop: () => void }) {
  const report = readVerification(attribution.report);
  const { stopped, sessions, spent, samplesNeeded, noise, missing } = report;
  const running = attribution.state === "running";
  const now = [...new Set(attribution.awaits)].map(armWords).join("; ");
  return (
    <p className={styles.progress} role="status" data-state={attribution.state}>
      <span>
        {running ? "verifying" : attribution.state === "finished" ? "replayed" : attribution.state}
        {": "}
        {plural(sessions, "replay")}, {plural(spent.calls, "live call")}, {money(spent.costMicros)}
        {report.seconds ? `, ${duration(report.seconds * 1e9)}` : ""}
      </span>
      {noise && noise.n > 0 ? (
        <span className={styles.why} title="How often A, replayed as it was, came to its outcome.">
          A again {rate(noise)}
        </span>
      ) : null}
      {running ? (
        <>
          <progress aria-label="Verification" />
          <span className={styles.why}>{now}</span>
          <Button onPress={onStop}>Stop</Button>
        </>
      ) : null}
      {stopped ? <Chip tone="warn">{stoppedWords(stopped)}</Chip> : null}
      {attribution.state === "failed" ? (
        <Chip tone="error">{attribution.message ?? attribution.reason ?? "failed"}</Chip>
      ) : null}
      {running
        ? null
        : missing.map((entry) => (
            <span key={`${entry.step} ${entry.code ?? entry.reason}`} className={styles.why}>
              {entry.step ? `stopped at ${plainLine(entry.step)}: ` : ""}
              {reasonWords(entry.reason)}
            </span>
          ))}
      {samplesNeeded ? (
        <span className={styles.why}>
          about {plural(samplesNeeded, "sample")} an arm would decide
        </span>
      ) : null}
    </p>
  );
}
