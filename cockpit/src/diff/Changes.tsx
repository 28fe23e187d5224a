import { Recorded } from "../ui/Recorded";
import styles from "./Changes.module.css";
import type { Change } from "./deltas";
import { jsonText } from "./glance";
import { Hunks } from "./Hunks";

const WORD = { replace: "changed", add: "only in B", remove: "only in A" } as const;
const MARK = { replace: "~", add: "+", remove: "−" } as const;

/** Changes of a JSON value by pointer, old → new. */
export function Changes({ changes }: { changes: readonly Change[] }) {
  return (
    <ul className={styles.changes}>
      {changes.map((change, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a pointer may stand twice, once a side.
        <li key={at} className={styles.change} data-op={change.op}>
          <span className={styles.mark} title={WORD[change.op]}>
            {MARK[change.op]}
          </span>
          <code className={styles.pointer}>
            <Recorded text={change.pointer || "(all of it)"} />
          </code>
          <span className={styles.value}>
            <Value change={change} />
          </span>
        </li>
      ))}
    </ul>
  );
}

function Value({ change }: { change: Change }) {
  if (change.words) return <Hunks hunks={change.words} />;
  return (
    <p className={styles.pair}>
      {change.op === "add" ? null : (
        <del>
          <Recorded text={shown(change.a)} />
        </del>
      )}
      {change.op === "replace" ? <span className={styles.arrow}> → </span> : null}
      {change.op === "remove" ? null : (
        <ins>
          <Recorded text={shown(change.b)} />
        </ins>
      )}
    </p>
  );
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return "null";
  const line = jsonText(value);
  return line.length > 100 ? JSON.stringify(value, null, 2) : line;
}
