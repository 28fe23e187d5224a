import { useEffect, useState } from "react";
import { bytes } from "../format/count";
import { bulkQuery } from "../graphql/bulk";
import { type Failure, failureOf, isRecord } from "../graphql/failure";
import { Recorded } from "../ui/Recorded";
import { Failed } from "../ui/State";
import { jsonText, messageText } from "./glance";
import { type PairStep, type Preview, STEP_VALUE, type StepValue } from "./questions";
import styles from "./Tabs.module.css";

/** Payloads of one step as they were recorded: of a step that stands alone, or equal on both sides. */
export function StepValues({ step, roles }: { step: PairStep; roles?: readonly string[] }) {
  const shown = step.artifacts.filter(({ role }) =>
    roles ? roles.includes(role) : role !== "shape",
  );
  if (shown.length === 0) return <p className={styles.note}>No payload was recorded here.</p>;
  return (
    <div className={styles.values}>
      {shown.map((artifact) => (
        <section key={artifact.role}>
          <h3 className={styles.heading}>
            {artifact.role.replace("input.", "")}
            <span className={styles.dim}>{bytes(artifact.size)}</span>
          </h3>
          {artifact.state === "CLEAN" ? (
            <Value step={step.id} role={artifact.role} />
          ) : (
            <p className={styles.note}>
              {artifact.state.toLowerCase().replace("_", " ")}
              {artifact.reason ? `: ${artifact.reason}` : ""}
            </p>
          )}
        </section>
      ))}
    </div>
  );
}

function Value({ step, role }: { step: string; role: string }) {
  const [preview, setPreview] = useState<Preview | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  useEffect(() => {
    const controller = new AbortController();
    setPreview(null);
    setFailure(null);
    bulkQuery<StepValue>(STEP_VALUE, { step, role }, controller.signal)
      .then((data) => setPreview(data.step?.artifact?.preview ?? null))
      .catch((error: unknown) => {
        if (!controller.signal.aborted) setFailure(failureOf(error));
      });
    return () => controller.abort();
  }, [step, role]);
  if (failure) return <Failed failure={failure} />;
  if (!preview) return <p className={styles.note}>…</p>;
  return <Content preview={preview} />;
}

function Content({ preview }: { preview: Preview }) {
  const { json } = preview;
  if (Array.isArray(json) && json.length && json.every(isRecord) && json.every(hasRole)) {
    return (
      <ol className={styles.said}>
        {json.map((message, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: messages of one recorded value never move.
          <li key={at} className={styles.code}>
            <strong>
              <Recorded text={String(message.role)} />
            </strong>{" "}
            <Recorded text={messageText(message)} />
          </li>
        ))}
      </ol>
    );
  }
  const text = preview.text ?? (preview.truncated ? null : JSON.stringify(json, null, 2));
  return text === null ? (
    <p className={styles.note}>Too large to be shown here; open the step in its run.</p>
  ) : (
    <p className={styles.code}>
      {isRecord(json) && hasRole(json) && !jsonText(json.tool_calls) ? (
        <Recorded text={messageText(json)} />
      ) : (
        <Recorded text={text} />
      )}
    </p>
  );
}

function hasRole(value: Record<string, unknown>): boolean {
  return typeof value.role === "string";
}
