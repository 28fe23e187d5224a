import { Button } from "../ui/Button";
import { Chip } from "../ui/Chip";
import { Skeleton } from "../ui/State";
import styles from "./Composer.module.css";
import { EDIT_TABS, type EditTab, HELD, type Original, textFor, type Written } from "./draft";
import { Editor } from "./editor/Editor";
import type { Composing } from "./useComposer";

const LABEL: Record<EditTab, string> = {
  output: "Output",
  input: "Input",
  prompt: "Prompt",
  model: "Model",
  params: "Parameters",
  tools: "Tools",
  fail: "Fail",
};

const HINT: Record<EditTab, string> = {
  output: "What this step answers instead.",
  input: "What this step is asked instead, part by part.",
  prompt: "The system text of every model call from the cut on.",
  model: "The model that answers from the cut on.",
  params: "Parameters of every model call from the cut on.",
  tools: "Tools that every model call from the cut on may use.",
  fail: "An HTTP status such as 429, or a message: the step fails with it.",
};

/** One tab for each kind of edit; what is written stays in this browser tab until it is launched. */
export function Edits({ composing }: { composing: Composing }) {
  const { tab, setTab, draft, read, planning } = composing;
  const refused = planning.current ? refusedTabs(composing) : {};
  return (
    <section className={styles.edits} aria-label="Edits">
      <div role="tablist" aria-label="Edits" className={styles.tabs}>
        {EDIT_TABS.map((each) => (
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
            onKeyDown={(event) => {
              const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
              if (by === 0) return;
              const next =
                EDIT_TABS[(EDIT_TABS.indexOf(each) + by + EDIT_TABS.length) % EDIT_TABS.length];
              if (!next) return;
              event.preventDefault();
              setTab(next);
              document.getElementById(`edit-${next}`)?.focus();
            }}
          >
            {LABEL[each]}
            {read.tabs.includes(each) ? <b title="edited">●</b> : null}
            {read.mistakes[each] || refused[each] ? <i title="cannot be used">!</i> : null}
          </button>
        ))}
      </div>
      <div id="edit-panel" role="tabpanel" aria-labelledby={`edit-${tab}`} className={styles.panel}>
        <TabBody key={tab} composing={composing} refusal={refused[tab] ?? null} />
      </div>
      <p className={styles.count}>
        {Object.keys(draft.edits).length === 0
          ? "Nothing is edited yet: the fork replays the run under the policy alone."
          : null}
      </p>
    </section>
  );
}

/** Refusals of the plan at the tab of the edit they are about. */
function refusedTabs({ planning, read }: Composing): Partial<Record<EditTab, string>> {
  const found: Partial<Record<EditTab, string>> = {};
  for (const { field, message } of planning.plan?.refusals ?? []) {
    const at = /^edits(?:\.|\[)?(\d+)?/.exec(field);
    const tab = at ? read.tabs[Number(at[1] ?? 0)] : undefined;
    if (tab) found[tab] = message;
  }
  return found;
}

function TabBody({ composing, refusal }: { composing: Composing; refusal: string | null }) {
  const { tab, originals, read } = composing;
  const failure = originals.failed[tab];
  const original = originals.found[tab];
  const mistake = read.mistakes[tab] ?? refusal;
  return (
    <>
      <p className={styles.hint}>
        {HINT[tab]}
        {HELD.has(tab) ? <Chip>from the cut on</Chip> : <Chip>this step</Chip>}
      </p>
      {failure ? (
        <p className={styles.trouble} role="alert">
          {failure.message}
        </p>
      ) : original ? (
        <Writing composing={composing} original={original} />
      ) : (
        <Skeleton rows={5} label="Loading what was recorded" />
      )}
      {mistake ? (
        <p className={styles.trouble} role="alert">
          {mistake}
        </p>
      ) : null}
    </>
  );
}

function Writing({ composing, original }: { composing: Composing; original: Original }) {
  const { tab, draft, write } = composing;
  const first = textFor(original, tab);
  const written = draft.edits[tab] ?? first;
  const put = (next: Written) =>
    write(tab, next.text === first.text && next.as === first.as ? null : next);
  const line = tab === "model" || tab === "fail";
  return (
    <>
      {line ? (
        <Line tab={tab} written={written} onChange={(text) => put({ text, as: "text" })} />
      ) : (
        <Editor
          text={written.text}
          language={written.as === "text" ? "text" : "json"}
          before={written.as === first.as && written.text !== first.text ? first.text : null}
          label={LABEL[tab]}
          onChange={(text) => put({ text, as: written.as })}
        />
      )}
      <p className={styles.ways}>
        {line ? null : (
          <Ways tab={tab} original={original} written={written} first={first} onChange={put} />
        )}
        {tab in draft.edits ? (
          <Button tone="quiet" onPress={() => write(tab, null)}>
            reset
          </Button>
        ) : null}
      </p>
    </>
  );
}

function Line({
  tab,
  written,
  onChange,
}: {
  tab: EditTab;
  written: Written;
  onChange: (text: string) => void;
}) {
  return (
    <>
      <input
        className={styles.line}
        value={written.text}
        aria-label={LABEL[tab]}
        placeholder={tab === "fail" ? "429" : "model id"}
        spellCheck={false}
        list={tab === "fail" ? "failures" : undefined}
        onChange={(event) => onChange(event.target.value)}
      />
      {tab === "fail" ? (
        <datalist id="failures">
          <option value="429" />
          <option value="500" />
          <option value="503" />
          <option value="connection reset" />
        </datalist>
      ) : null}
    </>
  );
}

/** How the text is read: as the value in JSON or plain text, or as a patch of the old one. */
function Ways({
  tab,
  original,
  written,
  first,
  onChange,
}: {
  tab: EditTab;
  original: Original;
  written: Written;
  first: Written;
  onChange: (written: Written) => void;
}) {
  const whole = original.only !== "patch";
  return (
    <>
      {whole ? (
        <Button
          tone="quiet"
          pressed={written.as !== "patch"}
          onPress={() => written.as === "patch" && onChange(first)}
        >
          value
        </Button>
      ) : (
        <span>Too large, or not plain JSON: it is changed by a patch.</span>
      )}
      <Button
        tone="quiet"
        pressed={written.as === "patch"}
        title="A list of operations (RFC 6902) on the recorded value"
        onPress={() => written.as !== "patch" && onChange({ text: "[]", as: "patch" })}
      >
        patch
      </Button>
      {whole && tab === "output" && written.as !== "patch" ? (
        <Button
          tone="quiet"
          pressed={written.as === "text"}
          onPress={() =>
            onChange(
              written.as === "text"
                ? { text: JSON.stringify(written.text), as: "json" }
                : { text: plain(written.text), as: "text" },
            )
          }
        >
          plain text
        </Button>
      ) : null}
    </>
  );
}

/** The string in a JSON text; the text itself where it holds none. */
function plain(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "string" ? value : text;
  } catch {
    return text;
  }
}
