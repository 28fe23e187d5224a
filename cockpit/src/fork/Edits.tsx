import { Button } from "../ui/Button";
import { Chip } from "../ui/Chip";
import { Skeleton } from "../ui/State";
import styles from "./Composer.module.css";
import { type EditTab, HELD, LINES, OF_HOST, type Original, textFor, type Written } from "./draft";
import { EditLine } from "./EditLine";
import { EDIT_LABEL, EditTabs } from "./EditTabs";
import { Editor } from "./editor/Editor";
import type { Composing } from "./useComposer";

/** Kinds that take no patch. */
const WHOLE: ReadonlySet<EditTab> = new Set(["insert", "drop", "env"]);

const HINT: Record<EditTab, string> = {
  output: "What this step answers instead.",
  input: "What this step is asked instead, part by part.",
  insert: 'What is put into a list of its input: at the end, or before place "at".',
  fail: "An HTTP status such as 429, or a message: the step fails with it.",
  drop: "The call does nothing and returns nothing.",
  latency: "Seconds by which its answer comes later.",
  prompt: "The system text of every model call from the cut on.",
  model: "The model that answers from the cut on.",
  params: "Parameters of every model call from the cut on.",
  tools: "Tools that every model call from the cut on may use.",
  env: "Environment variables of the process by name; null unsets one.",
  clock: "Seconds the clock of the process is put on, or what its time is then.",
  impl: "The function that runs in the place of this tool whenever it is called.",
};

const ANSWER =
  "What this step answers: nobody recorded it. Cut, earlier edits and executor stay as they were.";

/** One tab for each kind of edit; what is written stays in this browser tab until it is launched. */
export function Edits({ composing }: { composing: Composing }) {
  const { tab, draft, planning, settings } = composing;
  const refused = planning.current ? refusedTabs(composing) : {};
  return (
    <section className={styles.edits} aria-label="Edits">
      <EditTabs composing={composing} refused={refused} />
      <div id="edit-panel" role="tabpanel" aria-labelledby={`edit-${tab}`} className={styles.panel}>
        <TabBody key={tab} composing={composing} refusal={refused[tab] ?? null} />
      </div>
      <p className={styles.count}>
        {Object.keys(draft.edits).length === 0
          ? settings.resumes
            ? "Nothing is answered yet: the replay would stop here again."
            : "Nothing is edited yet: the fork replays the run under the policy alone."
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
  const { tab, originals, places, read, settings } = composing;
  const homeless = OF_HOST.has(tab) && places.length === 0;
  const failure = originals.failed[tab];
  const original = originals.found[tab];
  const mistake = read.mistakes[tab] ?? refusal;
  return (
    <>
      <p className={styles.hint}>
        {tab === "output" && settings.resumes ? ANSWER : HINT[tab]}
        {HELD.has(tab) ? <Chip>from the cut on</Chip> : null}
      </p>
      {homeless ? (
        <p className={styles.warning}>
          No runner is online, and only a process that runs the agent's code can do this: start one
          with <code>forkpoint runner --entry name=module:function</code>, or fork from the command
          line.
        </p>
      ) : null}
      {failure ? (
        <p className={styles.trouble} role="alert">
          {failure.message}
        </p>
      ) : homeless && !(tab in composing.draft.edits) ? null : original ? (
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
  const line = LINES.has(tab);
  return (
    <>
      {line ? (
        <EditLine tab={tab} text={written.text} onChange={(text) => put({ text, as: "text" })} />
      ) : tab === "drop" ? (
        <label className={styles.drop}>
          <input
            type="checkbox"
            checked={written.text === "true"}
            onChange={({ target }) => put({ text: String(target.checked), as: "json" })}
          />
          drop this call
        </label>
      ) : (
        <Editor
          text={written.text}
          language={written.as === "text" ? "text" : "json"}
          before={written.as === first.as && written.text !== first.text ? first.text : null}
          label={EDIT_LABEL[tab]}
          onChange={(text) => put({ text, as: written.as })}
        />
      )}
      <p className={styles.ways}>
        {line || WHOLE.has(tab) ? null : (
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
