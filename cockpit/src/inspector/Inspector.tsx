import { useEffect } from "react";
import { useQuery } from "urql";
import { duration } from "../format/duration";
import { plainLine } from "../format/visible";
import { failureOf } from "../graphql/failure";
import { KindMark, StatusMark } from "../ui/Marks";
import { Empty, Failed, Skeleton } from "../ui/State";
import { StepFacts } from "./documents";
import { ReplayFacts, Signature } from "./Facts";
import { Files } from "./files/FileView";
import { fileName } from "./files/names";
import styles from "./Inspector.module.css";
import { Messages } from "./Messages";
import { type Artifact, ArtifactView } from "./Payload";
import { Sources } from "./Sources";
import { Summary } from "./Summary";
import { chosenTab, inputRoles, type StepOf, type Tab, type TabId, tabsOf } from "./tabs";

/** One step: a tab appears if it applies and fetches only its own data. */
export function Inspector({
  run,
  sequence,
  ended,
  tab,
  onTab,
}: {
  run: string;
  /** The chosen step; null for none. */
  sequence: number | null;
  /** Whether the step is over: an open one is asked for again when it ends. */
  ended: boolean;
  tab: string | undefined;
  onTab: (tab: TabId) => void;
}) {
  const [{ data, error, stale, fetching }, again] = useQuery({
    query: StepFacts,
    variables: { run, sequence: String(sequence ?? 0) },
    pause: sequence === null,
    requestPolicy: ended ? "cache-first" : "network-only",
  });
  const step = data?.run?.step ?? null;
  useRecheck(step, ended, again);
  if (sequence === null)
    return <Empty title="No step is chosen" text="Choose one in the tree or the timeline." />;
  if (error) return <Failed failure={failureOf(error)} onRetry={again} />;
  if (!step)
    return fetching ? (
      <Skeleton rows={8} label="Loading step" />
    ) : (
      <Empty title="No such step" text="" />
    );
  const tabs = tabsOf(step);
  const shown = chosenTab(tabs, tab);
  return (
    <section
      className={styles.inspector}
      aria-label={`Step #${step.sequence}`}
      data-stale={stale || step.sequence !== String(sequence)}
    >
      <header className={styles.head}>
        <span className={styles.sequence}>#{step.sequence}</span>
        <KindMark kind={step.kind} />
        <h2 className={styles.name} title={step.name}>
          {plainLine(step.name)}
        </h2>
        <StatusMark status={step.status} />
        <span className={styles.fact}>{duration(step.durationNs)}</span>
        {step.effect ? (
          <span className={styles.fact}>
            effect {step.effect.toLowerCase().replaceAll("_", " ")}
          </span>
        ) : null}
      </header>
      <Tabs tabs={tabs} shown={shown} onTab={onTab} />
      <div
        className={styles.body}
        role="tabpanel"
        id="step-panel"
        aria-labelledby={`tab-${shown}`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling panel must be reachable by keys.
        tabIndex={0}
      >
        <Panel key={`${step.id} ${shown}`} run={run} step={step} tab={shown} />
      </div>
    </section>
  );
}

const RECHECK_MS = 2_000;
/** Its end was heard of before it could be read: that takes a moment at most. */
const ENDED_MS = 100;

/** Asks again for a step with payload that is still being checked, or that has ended since. */
function useRecheck(
  step: StepOf | null,
  ended: boolean,
  again: (options: { requestPolicy: "network-only" }) => void,
) {
  useEffect(() => {
    const pending = step?.artifacts.some(({ state }) => state === "PENDING");
    if (!pending && !(ended && step?.status === "RUNNING")) return;
    const wait = pending ? RECHECK_MS : ENDED_MS;
    const timer = setTimeout(() => again({ requestPolicy: "network-only" }), wait);
    return () => clearTimeout(timer);
  }, [step, ended, again]);
}

function Tabs({
  tabs,
  shown,
  onTab,
}: {
  tabs: readonly Tab[];
  shown: TabId;
  onTab: (tab: TabId) => void;
}) {
  const move = (by: number) => {
    const at = tabs.findIndex(({ id }) => id === shown);
    const next = tabs[(at + by + tabs.length) % tabs.length];
    if (!next) return;
    onTab(next.id);
    document.getElementById(`tab-${next.id}`)?.focus();
  };
  return (
    <div role="tablist" aria-label="Step" className={styles.tabs}>
      {tabs.map(({ id, label, count }, at) => (
        <button
          type="button"
          role="tab"
          key={id}
          id={`tab-${id}`}
          aria-selected={id === shown}
          aria-controls="step-panel"
          tabIndex={id === shown ? 0 : -1}
          className={styles.tab}
          title={`${label} (${at + 1})`}
          onClick={() => onTab(id)}
          onKeyDown={(event) => {
            if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
            event.preventDefault();
            move(event.key === "ArrowRight" ? 1 : -1);
          }}
        >
          {label}
          {count === null ? null : <span>{count}</span>}
        </button>
      ))}
    </div>
  );
}

function Panel({ run, step, tab }: { run: string; step: StepOf; tab: TabId }) {
  const { sequence } = step;
  switch (tab) {
    case "summary":
      return <Summary run={run} step={step} />;
    case "messages":
      return <MessagesPanel run={run} step={step} />;
    case "input":
      return <Artifacts run={run} sequence={sequence} artifacts={pick(step, inputRoles(step))} />;
    case "output":
      return <Artifacts run={run} sequence={sequence} artifacts={pick(step, ["output"])} />;
    case "error":
      return <Artifacts run={run} sequence={sequence} artifacts={pick(step, ["error"])} />;
    case "files":
      return <Files run={run} artifacts={step.artifacts} />;
    case "signature":
      return <Signature step={step} />;
    case "replay":
      return step.replay ? <ReplayFacts replay={step.replay} /> : null;
    case "sources":
      return <Sources run={run} sequence={sequence} />;
    case "raw":
      return <Artifacts run={run} sequence={sequence} artifacts={values(step)} raw />;
  }
}

function values(step: StepOf): readonly Artifact[] {
  return step.artifacts.filter(({ role }) => fileName(role) === null);
}

function pick(step: StepOf, roles: readonly string[]): readonly Artifact[] {
  return step.artifacts.filter(({ role }) => roles.includes(role));
}

function Artifacts({
  run,
  sequence,
  artifacts,
  raw = false,
}: {
  run: string;
  sequence: string;
  artifacts: readonly Artifact[];
  raw?: boolean;
}) {
  return artifacts.map((artifact) => (
    <ArtifactView
      key={artifact.role}
      run={run}
      sequence={sequence}
      artifact={artifact}
      label={raw ? artifact.role : artifact.role.replace(/^input\./, "")}
    />
  ));
}

function MessagesPanel({ run, step }: { run: string; step: StepOf }) {
  const artifact = step.artifacts.find(({ role }) => role === "input.messages");
  if (!artifact) return null;
  if (artifact.state !== "CLEAN") {
    return <ArtifactView run={run} sequence={step.sequence} artifact={artifact} label="messages" />;
  }
  const place = { run, sequence: step.sequence, role: "input.messages" };
  return <Messages place={place} previous={step.previousSameScope?.sequence ?? null} />;
}
