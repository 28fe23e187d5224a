/** Signature and replay: small tables of facts about one step. */

import { Link } from "@tanstack/react-router";
import { useQuery } from "urql";
import { bytes } from "../format/count";
import { duration } from "../format/duration";
import { shortDigest } from "../format/identity";
import { Chip } from "../ui/Chip";
import { BaseSignature } from "./documents";
import styles from "./Facts.module.css";
import type { StepOf } from "./tabs";

/** The signature and the roots of its parts; in a replay, equal or not to the recorded ones. */
export function Signature({ step }: { step: StepOf }) {
  const { replay } = step;
  const [recorded] = useQuery({
    query: BaseSignature,
    variables: { run: replay?.sourceRun ?? "", sequence: replay?.sourceSeq ?? "0" },
    pause: !replay?.sourceRun || replay.sourceSeq == null,
  });
  const source = recorded.data?.run?.step ?? null;
  return (
    <div className={styles.pane}>
      <p className={styles.line}>
        <span className={styles.term}>signature</span>
        <Digest value={step.signature ?? null} />
        {source ? <Same same={source.signature === step.signature} /> : null}
      </p>
      <p className={styles.line}>
        <span className={styles.term}>codec</span>
        <code>{step.codec ?? "decorator"}</code>
      </p>
      <table className={styles.table}>
        <thead>
          <tr>
            <th>part</th>
            <th>root</th>
            <th>size</th>
            {source ? <th>recorded</th> : null}
          </tr>
        </thead>
        <tbody>
          {step.parts.map(({ name, root, size }) => (
            <tr key={name}>
              <td>{name}</td>
              <td>
                <Digest value={root ?? null} />
              </td>
              <td>{bytes(size)}</td>
              {source ? (
                <td>
                  <Same same={source.parts.find((part) => part.name === name)?.root === root} />
                </td>
              ) : null}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Same({ same }: { same: boolean }) {
  return <Chip tone={same ? "ok" : "warn"}>{same ? "= equal" : "≠ differs"}</Chip>;
}

function Digest({ value }: { value: string | null }) {
  if (value === null) return <span className={styles.none}>not signed</span>;
  return (
    <button
      type="button"
      className={styles.digest}
      title={`${value} · click copies`}
      onClick={() => void navigator.clipboard.writeText(value)}
    >
      {shortDigest(value)}
    </button>
  );
}

type Replay = NonNullable<StepOf["replay"]>;

/** How a replayed step came by its answer. */
export function ReplayFacts({ replay }: { replay: Replay }) {
  return (
    <dl className={styles.facts}>
      <Row term="mode">
        <Chip tone={replay.mode === "LIVE" ? "accent" : "plain"}>{replay.mode.toLowerCase()}</Chip>
      </Row>
      <Row term="match">{replay.match}</Row>
      <Row term="decided by">
        {replay.rule == null ? "the policy's default" : `rule ${replay.rule} of the policy`}
      </Row>
      {replay.edit == null ? null : <Row term="edited">by edit {replay.edit}</Row>}
      {replay.sourceRun && replay.sourceSeq != null ? (
        <Row term="served from">
          <Link
            to="/runs/$run/steps/$step"
            params={{ run: replay.sourceRun, step: replay.sourceSeq }}
            search={{}}
          >
            recorded step #{replay.sourceSeq}
          </Link>
        </Row>
      ) : null}
      {replay.divergence ? (
        <Row term="divergence">
          <b>≠ {replay.divergence.replaceAll("_", " ")}</b>
        </Row>
      ) : null}
      {replay.taint.length ? <Row term="taint">{replay.taint.join(", ")}</Row> : null}
      <Row term="executor">{replay.executor}</Row>
      {replay.waitedNs === "0" ? null : <Row term="waited">{duration(replay.waitedNs)}</Row>}
    </dl>
  );
}

function Row({ term, children }: { term: string; children: React.ReactNode }) {
  return (
    <div className={styles.line}>
      <dt className={styles.term}>{term}</dt>
      <dd>{children}</dd>
    </div>
  );
}
