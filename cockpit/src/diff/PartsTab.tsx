import { Recorded } from "../ui/Recorded";
import { Changes } from "./Changes";
import type { ToolsDelta } from "./deltas";
import { StepValues } from "./StepValues";
import styles from "./Tabs.module.css";
import type { Pair } from "./usePair";

const SHOWN_APART = ["input.messages", "input.system"];

/** Parameters, arguments and tools by pointer, old → new. */
export function PartsTab({ pair }: { pair: Pair }) {
  const { parts = {}, tools } = pair.delta;
  const names = Object.keys(parts);
  const step = pair.right ?? pair.left;
  if (names.length === 0 && !tools) {
    const roles = step?.artifacts
      .map(({ role }) => role)
      .filter((role) => role.startsWith("input.") && !SHOWN_APART.includes(role));
    return (
      <>
        <p className={styles.note}>These are equal in both steps.</p>
        {step && roles ? <StepValues step={step} roles={roles} /> : null}
      </>
    );
  }
  return (
    <div className={styles.values}>
      {names.map((name) => (
        <section key={name}>
          <h3 className={styles.heading}>{name}</h3>
          <Changes changes={parts[name] ?? []} />
        </section>
      ))}
      {tools ? <Tools tools={tools} /> : null}
    </div>
  );
}

function Tools({ tools }: { tools: ToolsDelta }) {
  return (
    <section>
      <h3 className={styles.heading}>tools</h3>
      <ul className={styles.documents}>
        {tools.removed.map((name) => (
          <li key={name} className={styles.document} data-tone="removed">
            <span>−</span>
            <code>
              <Recorded text={name} />
            </code>
            <span className={styles.dim}>only in A</span>
          </li>
        ))}
        {tools.added.map((name) => (
          <li key={name} className={styles.document} data-tone="added">
            <span>+</span>
            <code>
              <Recorded text={name} />
            </code>
            <span className={styles.dim}>only in B</span>
          </li>
        ))}
      </ul>
      {tools.changed.map(({ name, changes }) => (
        <div key={name}>
          <h4 className={styles.heading}>
            <Recorded text={name} />
          </h4>
          <Changes changes={changes} />
        </div>
      ))}
    </section>
  );
}
