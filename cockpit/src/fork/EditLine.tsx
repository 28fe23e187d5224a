import styles from "./Composer.module.css";
import type { EditTab } from "./draft";
import { EDIT_LABEL } from "./EditTabs";

const EXAMPLE: Readonly<Partial<Record<EditTab, string>>> = {
  fail: "429",
  latency: "30",
  clock: "3600 or 2026-01-31T09:00:00Z",
  impl: "module:function",
};
const PROPOSED: Readonly<Partial<Record<EditTab, readonly string[]>>> = {
  fail: ["429", "500", "503", "connection reset"],
  latency: ["5", "30", "120"],
  clock: ["3600", "86400"],
};

/** An edit that is written in one line. */
export function EditLine({
  tab,
  text,
  onChange,
}: {
  tab: EditTab;
  text: string;
  onChange: (text: string) => void;
}) {
  const proposed = PROPOSED[tab];
  return (
    <>
      <input
        className={styles.line}
        value={text}
        aria-label={EDIT_LABEL[tab]}
        placeholder={EXAMPLE[tab] ?? "model id"}
        spellCheck={false}
        list={proposed ? "proposed" : undefined}
        onChange={(event) => onChange(event.target.value)}
      />
      {proposed ? (
        <datalist id="proposed">
          {proposed.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      ) : null}
    </>
  );
}
