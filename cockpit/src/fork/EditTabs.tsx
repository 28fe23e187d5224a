import type { KeyboardEvent } from "react";
import styles from "./Composer.module.css";
import { EDIT_GROUPS, EDIT_TABS, type EditTab } from "./draft";
import type { Composing } from "./useComposer";

export const EDIT_LABEL: Record<EditTab, string> = {
  output: "Output",
  input: "Input",
  insert: "Insert",
  fail: "Fail",
  drop: "Drop",
  latency: "Latency",
  prompt: "Prompt",
  model: "Model",
  params: "Parameters",
  tools: "Tools",
  env: "Environment",
  clock: "Clock",
  impl: "Code",
};

/** The kinds of edits by what they change; arrows go through all of them. */
export function EditTabs({
  composing,
  refused,
}: {
  composing: Composing;
  refused: Readonly<Partial<Record<EditTab, string>>>;
}) {
  const { tab, setTab, read } = composing;
  const move = (from: EditTab) => (event: KeyboardEvent) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const next = EDIT_TABS[(EDIT_TABS.indexOf(from) + by + EDIT_TABS.length) % EDIT_TABS.length];
    if (by === 0 || !next) return;
    event.preventDefault();
    setTab(next);
    document.getElementById(`edit-${next}`)?.focus();
  };
  return (
    <div role="tablist" aria-label="Edits" className={styles.tabs}>
      {EDIT_GROUPS.map(([of, tabs]) => (
        <div key={of} role="presentation" className={styles.group}>
          <span className={styles.of} aria-hidden="true">
            {of}
          </span>
          {tabs.map((each) => (
            <button
              type="button"
              role="tab"
              key={each}
              id={`edit-${each}`}
              aria-selected={each === tab}
              aria-controls="edit-panel"
              tabIndex={each === tab ? 0 : -1}
              className={styles.tab}
              onClick={() => setTab(each)}
              onKeyDown={move(each)}
            >
              {EDIT_LABEL[each]}
              {read.tabs.includes(each) ? <b title="edited">●</b> : null}
              {read.mistakes[each] || refused[each] ? <i title="cannot be used">!</i> : null}
            </button>
          ))}
        </div>
      ))}
    </div>
  );
}
