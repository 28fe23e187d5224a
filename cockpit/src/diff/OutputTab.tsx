import { isRecord } from "../graphql/failure";
import { Recorded } from "../ui/Recorded";
import { Changes } from "./Changes";
import type { OutputDelta } from "./deltas";
import { jsonText } from "./glance";
import { Hunks } from "./Hunks";
import { StepValues } from "./StepValues";
import styles from "./Tabs.module.css";
import type { Pair } from "./usePair";

/** What the two steps answered. */
export function OutputTab({ pair }: { pair: Pair }) {
  const { output } = pair.delta;
  if (output) return <Different output={output} />;
  const step = pair.right ?? pair.left;
  return (
    <>
      <p className={styles.note}>
        {pair.delta.missing?.some(({ section }) => section === "output")
          ? "The answers could not be compared."
          : "Both steps answered the same."}
      </p>
      {step ? <StepValues step={step} roles={["output", "error"]} /> : null}
    </>
  );
}

function Different({ output }: { output: OutputDelta }) {
  if (output.kind === "text") {
    return (
      <>
        <p className={styles.note}>{Math.round(output.ratio * 100)} % of the text is equal</p>
        <Hunks hunks={output.words} />
      </>
    );
  }
  if (output.kind === "json") return <Changes changes={output.changes} />;
  if (output.kind === "error") return <Failure output={output} />;
  return <Documents output={output} />;
}

function Failure({ output }: { output: Extract<OutputDelta, { kind: "error" }> }) {
  return (
    <dl className={styles.sides}>
      {(["a", "b"] as const).map((side) => (
        <div key={side}>
          <dt>{side.toUpperCase()}</dt>
          <dd className={styles.code}>
            <Recorded text={errorText(output[side])} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function errorText(value: unknown): string {
  if (value === null || value === undefined) return "answered, without an error";
  if (typeof value === "string") return value;
  if (isRecord(value) && typeof value.message === "string") {
    return [value.class ?? value.type, value.message].filter(Boolean).join(": ");
  }
  return jsonText(value);
}

function Documents({ output }: { output: Extract<OutputDelta, { kind: "retrieval" }> }) {
  const tau = output.tau === null ? "under 3 common documents" : output.tau.toFixed(2);
  return (
    <>
      <p className={styles.note}>
        rank-biased overlap {output.rbo.toFixed(2)} · Kendall tau {tau}
      </p>
      <ul className={styles.documents}>
        {output.removed.map((id) => (
          <Document key={`a${id}`} mark="−" tone="removed" id={id} note="only in A" />
        ))}
        {output.added.map((id) => (
          <Document key={`b${id}`} mark="+" tone="added" id={id} note="only in B" />
        ))}
        {output.moved.map(({ id, a, b }) => (
          <Document
            key={`m${id}`}
            mark="⇄"
            tone="moved"
            id={id}
            note={`rank ${a + 1} → ${b + 1}`}
          />
        ))}
        {output.rewritten.map((id) => (
          <Document key={`t${id}`} mark="~" tone="changed" id={id} note="same id, other text" />
        ))}
      </ul>
    </>
  );
}

function Document(props: { mark: string; tone: string; id: string; note: string }) {
  return (
    <li className={styles.document} data-tone={props.tone}>
      <span>{props.mark}</span>
      <code>
        <Recorded text={props.id} />
      </code>
      <span className={styles.dim}>{props.note}</span>
    </li>
  );
}
