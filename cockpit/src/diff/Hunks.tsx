import { useState } from "react";
import { count } from "../format/count";
import { Recorded } from "../ui/Recorded";
import styles from "./Hunks.module.css";
import { coalesce, foldEqual, type Hunk, readsApart, type Stretch } from "./stretches";

/** A text with its changes woven in; texts with little in common stand one under the other. */
export function Hunks({ hunks }: { hunks: readonly Hunk[] }) {
  const joined = coalesce(hunks);
  if (!readsApart(hunks)) return <Text stretches={foldEqual(joined)} />;
  return (
    <div className={styles.apart}>
      <Side name="A" hunks={joined.filter(([sign]) => sign !== "+")} />
      <Side name="B" hunks={joined.filter(([sign]) => sign !== "-")} />
    </div>
  );
}

function Side({ name, hunks }: { name: "A" | "B"; hunks: readonly Hunk[] }) {
  return (
    <section className={styles.side} data-side={name} aria-label={`Text of ${name}`}>
      <span className={styles.name} aria-hidden="true">
        {name}
      </span>
      <Text stretches={foldEqual(hunks)} />
    </section>
  );
}

function Text({ stretches }: { stretches: readonly Stretch[] }) {
  return (
    <p className={styles.text}>
      {stretches.map((stretch, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: stretches have no identity of their own.
        <Piece key={at} stretch={stretch} />
      ))}
    </p>
  );
}

function Piece({ stretch }: { stretch: Stretch }) {
  const [open, setOpen] = useState(false);
  const content = <Recorded text={stretch.text} />;
  if (stretch.type === "equal") {
    if (open) return content;
    const what =
      stretch.lines > 2
        ? `${count(stretch.lines)} equal lines`
        : `${count(stretch.text.length)} equal characters`;
    return (
      <button type="button" className={styles.more} onClick={() => setOpen(true)}>
        … {what} …
      </button>
    );
  }
  if (stretch.sign === "-") return <del className={styles.gone}>{content}</del>;
  if (stretch.sign === "+") return <ins className={styles.come}>{content}</ins>;
  return content;
}
