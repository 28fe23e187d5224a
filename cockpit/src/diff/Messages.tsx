import { isRecord } from "../graphql/failure";
import { Recorded } from "../ui/Recorded";
import { Changes } from "./Changes";
import type { MessageRow } from "./deltas";
import { jsonText, toolCalls } from "./glance";
import { Hunks } from "./Hunks";
import styles from "./Messages.module.css";

const MARK = { same: "=", removed: "−", added: "+", moved: "⇄", changed: "~" } as const;

/** Messages of a prompt, aligned first and compared by words then. */
export function Messages({ rows, label }: { rows: readonly MessageRow[]; label: string }) {
  return (
    <ol className={styles.messages} aria-label={label}>
      {rows.map((row, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the order is what identifies them.
        <li key={at} className={styles.message} data-op={row.op}>
          <span className={styles.mark} title={row.op}>
            {MARK[row.op]}
          </span>
          {row.op === "same" ? <Same row={row} /> : <Different row={row} />}
        </li>
      ))}
    </ol>
  );
}

function Same({ row }: { row: Extract<MessageRow, { op: "same" }> }) {
  const many = row.a[1] - row.a[0];
  const range = (from: number, to: number) => (to - from === 1 ? `${from}` : `${from}–${to - 1}`);
  const moved = row.a[0] !== row.b[0] ? ` in A, ${range(...row.b)} in B` : "";
  return (
    <span className={styles.same}>
      {many === 1 ? "message" : `${many} messages`} unchanged
      <span className={styles.place}>
        {range(...row.a)}
        {moved}
      </span>
    </span>
  );
}

function Different({ row }: { row: Exclude<MessageRow, { op: "same" }> }) {
  const message = row.op === "changed" ? null : row.message;
  const role =
    row.op === "changed" ? row.role : isRecord(message) ? String(message.role ?? "") : "";
  return (
    <div className={styles.body}>
      <p className={styles.head}>
        <strong>
          <Recorded text={role || "text"} />
        </strong>
        <span className={styles.place}>
          {row.op} · {placeOf(row)}
        </span>
      </p>
      {row.op === "changed" ? (
        <>
          {row.words.length ? <Hunks hunks={row.words} /> : null}
          {row.changes.length ? <Changes changes={row.changes} /> : null}
        </>
      ) : (
        <Content message={message} />
      )}
    </div>
  );
}

function placeOf(row: Exclude<MessageRow, { op: "same" }>): string {
  if (row.op === "removed") return `${row.a} in A`;
  if (row.op === "added") return `${row.b} in B`;
  return row.a === row.b ? `${row.a}` : `${row.a} in A, ${row.b} in B`;
}

function Content({ message }: { message: unknown }) {
  if (!isRecord(message))
    return <Text text={typeof message === "string" ? message : jsonText(message)} />;
  const { content } = message;
  return (
    <>
      <Text text={typeof content === "string" ? content : jsonText(content)} />
      {toolCalls(message).map((call) => (
        <p key={`${call.name}${call.args}`} className={styles.call}>
          <span aria-hidden="true">→ </span>
          <strong>
            <Recorded text={call.name} />
          </strong>
          (<Recorded text={call.args} />)
        </p>
      ))}
    </>
  );
}

function Text({ text }: { text: string }) {
  return text ? (
    <p className={styles.text}>
      <Recorded text={text} />
    </p>
  ) : null;
}
