import { shortDigest } from "../format/identity";
import { Recorded } from "../ui/Recorded";
import type { PairStep } from "./questions";
import styles from "./Tabs.module.css";
import type { Pair } from "./usePair";

/** What each step's identity is made of: equal or not, part by part. */
export function SignatureTab({ pair: { left, right } }: { pair: Pair }) {
  const names = [
    ...new Set([...(left?.parts ?? []), ...(right?.parts ?? [])].map(({ name }) => name)),
  ];
  return (
    <>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">part</th>
            <th scope="col">A</th>
            <th scope="col">B</th>
            <th scope="col">same</th>
          </tr>
        </thead>
        <tbody>
          <Digests name="signature" a={left?.signature ?? null} b={right?.signature ?? null} />
          {names.map((name) => (
            <Digests key={name} name={name} a={rootOf(left, name)} b={rootOf(right, name)} />
          ))}
          <Digests name="answer" a={answerOf(left)} b={answerOf(right)} />
        </tbody>
      </table>
      <p className={styles.note}>
        codec {left?.codec ?? right?.codec ?? "of the decorator"} · key{" "}
        <Recorded text={keysOf(left, right)} />
      </p>
    </>
  );
}

function Digests({ name, a, b }: { name: string; a: string | null; b: string | null }) {
  const equal = a !== null && a === b;
  return (
    <tr data-differs={!equal}>
      <th scope="row">
        <Recorded text={name} />
      </th>
      <td className={styles.digest} title={a ?? undefined}>
        {a ? shortDigest(a) : "–"}
      </td>
      <td className={styles.digest} title={b ?? undefined}>
        {b ? shortDigest(b) : "–"}
      </td>
      <td>{equal ? "=" : "≠"}</td>
    </tr>
  );
}

function rootOf(step: PairStep | null, name: string): string | null {
  return step?.parts.find((part) => part.name === name)?.root ?? null;
}

function answerOf(step: PairStep | null): string | null {
  const found = step?.artifacts.find(({ role }) => role === "output" || role === "error");
  return found?.root ?? null;
}

function keysOf(left: PairStep | null, right: PairStep | null): string {
  const keys = new Set([left?.key, right?.key].filter((key) => key !== undefined));
  return [...keys].join(" → ");
}
