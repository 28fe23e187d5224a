import { Link } from "@tanstack/react-router";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { plainLine } from "../format/visible";
import { Chip } from "../ui/Chip";
import { KindMark } from "../ui/Marks";
import { Failed, Skeleton } from "../ui/State";
import { ClassMark } from "./ClassMark";
import { doubt, lookOf, partWords } from "./classes";
import { changedMessages, changedParts } from "./deltas";
import { Messages } from "./Messages";
import { OutputTab } from "./OutputTab";
import styles from "./Pair.module.css";
import { PartsTab } from "./PartsTab";
import type { PairStep, Row } from "./questions";
import { missingPhrases } from "./report";
import { SignatureTab } from "./SignatureTab";
import { StepValues } from "./StepValues";
import { TimingTab } from "./TimingTab";
import type { Opened, Pair as OpenPair } from "./usePair";

export interface Tab {
  readonly id: string;
  readonly label: string;
  /** How many differences it shows; null where a number says nothing. */
  readonly count: number | null;
  readonly render: (pair: OpenPair) => ReactNode;
}

/** The tabs that apply to a pair; a step of one side shows its content instead. */
export function tabsOf(pair: OpenPair): Tab[] {
  const { left, right, delta } = pair;
  const timing: Tab = {
    id: "timing",
    label: "Timing",
    count: null,
    render: (shown) => <TimingTab pair={shown} />,
  };
  const step = right ?? left;
  if (!step) return [];
  if (!left || !right) {
    const content = () => <StepValues step={step} />;
    return [{ id: "content", label: "Content", count: null, render: content }, timing];
  }
  const messages = delta.prompt;
  const tabs: Tab[] = [];
  if (messages) {
    const count = changedMessages(messages.messages) + changedMessages(messages.system);
    tabs.push({ id: "messages", label: "Messages", count, render: () => <Prompt pair={pair} /> });
  }
  const output = delta.output ? ("changes" in delta.output ? delta.output.changes.length : 1) : 0;
  tabs.push(
    { id: "output", label: "Output", count: output, render: (shown) => <OutputTab pair={shown} /> },
    {
      id: "parts",
      label: step.kind === "MODEL" ? "Params" : "Arguments",
      count: changedParts(delta),
      render: (shown) => <PartsTab pair={shown} />,
    },
    timing,
    {
      id: "signature",
      label: "Signature",
      count: null,
      render: (shown) => <SignatureTab pair={shown} />,
    },
  );
  return tabs;
}

/** The asked tab if the pair has it, else the first that shows a difference: at an intervention
 * what was changed, not what became of it. */
export function tabOf(tabs: readonly Tab[], asked: string | undefined, row: Row): Tab | undefined {
  const different = tabs.filter(({ count }) => count);
  const changed = row.class === "intervention" && !row.parts.includes("out");
  const input = changed ? different.find(({ id }) => id !== "output") : undefined;
  return tabs.find(({ id }) => id === asked) ?? input ?? different[0] ?? tabs[0];
}

function Prompt({ pair }: { pair: OpenPair }) {
  const { system, messages } = pair.delta.prompt ?? {};
  return (
    <>
      {system ? <Messages rows={system} label="System prompt" /> : null}
      {messages ? <Messages rows={messages} label="Messages" /> : null}
    </>
  );
}

export interface PairProps {
  readonly a: string;
  readonly b: string;
  readonly row: Row;
  readonly opened: Opened;
  readonly tab: string | undefined;
  readonly onTab: (id: string) => void;
  readonly onClose: () => void;
}

/** The opened pair: what it is, why it has its class, and what differs, tab by tab. */
export function Pair({ a, b, row, opened, tab, onTab, onClose }: PairProps) {
  const { pair, stale, failure, retry } = opened;
  const tabs = pair ? tabsOf(pair) : [];
  const shown = tabOf(tabs, tab, row);
  const missing = missingPhrases(pair?.delta.missing ?? []);
  return (
    <section className={styles.pair} aria-label="Pair" data-stale={stale && pair !== null}>
      <header className={styles.head}>
        <ClassMark name={row.class} />
        <h2 className={styles.title}>
          <StepName step={row.left} run={a} side="A" />
          <span className={styles.versus} aria-hidden="true">
            ⇄
          </span>
          <StepName step={row.right} run={b} side="B" />
        </h2>
        <button
          type="button"
          className={styles.close}
          onClick={onClose}
          aria-label="Close the pair"
        >
          <X size={16} strokeWidth={1.5} aria-hidden="true" />
        </button>
        <p className={styles.why}>
          {lookOf(row.class).meaning}
          {row.parts.length ? ` Differs: ${partWords(row.parts)}.` : ""}
          {row.sub === "sampling" ? " Could be sampling." : ""}
        </p>
        {doubt(row.how) || missing.length ? (
          <p className={styles.chips}>
            {doubt(row.how) ? (
              <Chip tone="warn" title={doubt(row.how) ?? undefined}>
                {row.how}
              </Chip>
            ) : null}
            {missing.map((phrase) => (
              <Chip key={phrase} tone="warn">{`not compared: ${phrase}`}</Chip>
            ))}
          </p>
        ) : null}
        <div role="tablist" aria-label="What differs" className={styles.tabs}>
          {tabs.map(({ id, label, count }, at) => (
            <button
              key={id}
              type="button"
              role="tab"
              id={`tab-${id}`}
              aria-selected={id === shown?.id}
              aria-controls="pair-panel"
              title={`${label} (${at + 1})`}
              className={styles.tab}
              data-equal={count === 0}
              onClick={() => onTab(id)}
            >
              {label}
              {count ? <span className={styles.count}>{count}</span> : null}
            </button>
          ))}
        </div>
      </header>
      <div
        className={styles.body}
        role="tabpanel"
        id="pair-panel"
        aria-labelledby={shown ? `tab-${shown.id}` : undefined}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must take the focus.
        tabIndex={0}
      >
        {failure ? (
          <Failed failure={failure} onRetry={retry} />
        ) : pair && shown ? (
          shown.render(pair)
        ) : (
          <Skeleton rows={6} label="Loading the pair" />
        )}
      </div>
    </section>
  );
}

function StepName({
  step,
  run,
  side,
}: {
  step: Row["left"] | PairStep;
  run: string;
  side: "A" | "B";
}) {
  if (!step) return <span className={styles.absent}>not in {side}</span>;
  return (
    <Link
      to="/runs/$run/steps/$step"
      params={{ run, step: step.sequence }}
      search={{}}
      className={styles.step}
      title={`Open #${step.sequence} in run ${side}`}
    >
      <KindMark kind={step.kind} />
      <span className={styles.number}>#{step.sequence}</span>
      <span className={styles.name}>{plainLine(step.name)}</span>
    </Link>
  );
}
