import { type RefObject, useId } from "react";
import styles from "./FilterLine.module.css";
import { KEYS, type Query } from "./query";

/** The filter as one line of text; what does not parse is underlined in place and said below. */
export function FilterLine({
  line,
  query,
  field,
  onChange,
  onLeave,
}: {
  line: string;
  query: Query;
  field: RefObject<HTMLInputElement | null>;
  onChange: (line: string) => void;
  onLeave: () => void;
}) {
  const id = useId();
  const wrong = query.tokens.filter(({ problem }) => problem !== null);
  const last = line.split(/\s/).at(-1) ?? "";
  const before = line.slice(0, line.length - last.length);
  return (
    <div className={styles.line}>
      <div className={styles.field}>
        <div className={styles.marks} aria-hidden="true">
          {marked(line, query)}
        </div>
        <input
          ref={field}
          className={styles.input}
          value={line}
          spellCheck={false}
          autoComplete="off"
          aria-label="Filter runs"
          aria-invalid={wrong.length > 0}
          aria-describedby={wrong.length ? id : undefined}
          list={`${id}-keys`}
          placeholder="Filter: status:error tool:refund since:7d or any text"
          onChange={(event) => onChange(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape" || event.key === "Enter") onLeave();
          }}
        />
        <datalist id={`${id}-keys`}>
          {KEYS.map(([key, example]) => (
            <option key={key} value={before + example} />
          ))}
        </datalist>
      </div>
      {wrong.length ? (
        <p id={id} className={styles.problem} role="status">
          {wrong.map(({ text, problem }) => `${text}: ${problem}`).join(" · ")}
        </p>
      ) : null}
    </div>
  );
}

function marked(line: string, { tokens }: Query) {
  let at = 0;
  const parts = tokens.map((token) => {
    const gap = line.slice(at, token.start);
    at = token.end;
    return (
      <span key={token.start}>
        {gap}
        <span data-wrong={token.problem !== null}>{token.text}</span>
      </span>
    );
  });
  return parts;
}
