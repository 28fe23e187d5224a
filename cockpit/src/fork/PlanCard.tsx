import { type ReactNode, useEffect, useState } from "react";
import { count, money, plural, tokens } from "../format/count";
import { plainLine } from "../format/visible";
import type { PlanFragment, ReplayExecutor } from "../graphql/generated/graphql";
import { EXECUTOR_WORDS, reasonWords } from "../replay/words";
import { Button } from "../ui/Button";
import { Chip } from "../ui/Chip";
import { Skeleton } from "../ui/State";
import styles from "./PlanCard.module.css";
import { type Group, ladderWords, launchWords, placedField, sides } from "./plan";
import type { Composing, Place } from "./useComposer";

/** What a launch would do, from a dry run of what is written; without a plan there is no button. */
export function PlanCard({
  composing,
  command,
  launching,
  trouble,
  onLaunch,
}: {
  composing: Composing;
  /** Null for what no command does. */
  command: string | null;
  launching: boolean;
  trouble: string | null;
  onLaunch: () => void;
}) {
  const { planning, settings } = composing;
  const verb = settings.resumes ? "Resume" : "Fork";
  const { plan, failure, current } = planning;
  const refusals = plan?.refusals.filter(({ field }) => !placedField(field)) ?? [];
  return (
    <section className={styles.card} aria-label="Plan" data-stale={!current}>
      <header className={styles.head}>
        <h2>Plan</h2>
        <Age at={planning.at} current={current} />
      </header>
      {settings.resumes ? null : <RunsIn composing={composing} />}
      {failure ? (
        <p className={styles.refusal} role="alert">
          {failure.message} <code>{failure.code}</code>
        </p>
      ) : null}
      {plan ? <Facts plan={plan} /> : failure ? null : <Skeleton rows={6} label="Planning" />}
      {refusals.map(({ code, message }) => (
        <p key={code + message} className={styles.refusal} role="alert">
          {message} <code>{code}</code>
        </p>
      ))}
      {trouble ? (
        <p className={styles.refusal} role="alert">
          {trouble}
        </p>
      ) : null}
      <footer className={styles.foot}>
        {plan && composing.input && plan.refusals.length === 0 && !failure ? (
          <Button tone="accent" hint="⌘↵" disabled={!current || launching} onPress={onLaunch}>
            {launching ? "starting…" : launchWords(plan, settings.samples, verb)}
          </Button>
        ) : (
          <span className={styles.none}>
            {plan ? "What is written cannot be launched as it is." : "No plan, no launch."}
          </span>
        )}
        {command ? <CopyCommand command={command} /> : null}
      </footer>
    </section>
  );
}

function CopyCommand({ command }: { command: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <div className={styles.command}>
      <code>{command}</code>
      <Button
        tone="quiet"
        onPress={() => void navigator.clipboard.writeText(command).then(() => setCopied(true))}
      >
        {copied ? "copied" : "copy"}
      </Button>
    </div>
  );
}

function Age({ at, current }: { at: number; current: boolean }) {
  const [now, setNow] = useState(at);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new plan starts the count again.
  useEffect(() => {
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 5_000);
    return () => clearInterval(timer);
  }, [at]);
  if (at === 0) return null;
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  return <span>{current ? `${seconds} s ago` : "planning…"}</span>;
}

const WORKERS: readonly ReplayExecutor[] = ["GRAPH", "SINGLE", "LOOP", "VERIFY"];

/** Who executes it: each choice that cannot do this says why. */
function RunsIn({ composing }: { composing: Composing }) {
  const { settings, places, change, planning } = composing;
  const place = settings.place ?? { is: "best" };
  const choices = planning.plan?.choices ?? [];
  const refusal = (executor: ReplayExecutor) =>
    choices.find((choice) => choice.executor === executor)?.refusal ?? null;
  const misfit = planning.current
    ? planning.plan?.refusals.find(({ field }) => /^(executor|entrypoint|runner)/.test(field))
    : undefined;
  const options: readonly (readonly [string, Place, string, string | null])[] = [
    ["best", { is: "best" }, "whatever can do it best", null],
    ...places.map((each, at) => {
      const words = `runner ${each.runner} · ${each.entrypoint}`;
      return [`host-${at}`, each, words, null] as const;
    }),
    ...WORKERS.map((executor) => {
      const chosen: Place = { is: "worker", executor };
      return [executor, chosen, EXECUTOR_WORDS[executor], refusal(executor)] as const;
    }),
  ];
  const shown = options.find(([, each]) => JSON.stringify(each) === JSON.stringify(place));
  return (
    <div className={styles.line}>
      <label className={styles.term} htmlFor="runs-in">
        runs in
      </label>
      <div className={styles.value}>
        <select
          id="runs-in"
          value={shown?.[0] ?? "best"}
          onChange={(event) => {
            const next = options.find(([id]) => id === event.target.value);
            if (next) change({ place: next[1] });
          }}
        >
          {options.map(([id, , words, why]) => (
            <option key={id} value={id}>
              {plainLine(words)}
              {why ? ` – ${why}` : ""}
            </option>
          ))}
        </select>
        {places.length === 0 ? (
          <small>
            No runner is online: agent code is executed by <code>forkpoint runner</code>, or by the
            command below.
          </small>
        ) : null}
        {misfit ? (
          <small className={styles.misfit} role="alert">
            {misfit.message}
          </small>
        ) : null}
      </div>
    </div>
  );
}

function Facts({ plan }: { plan: PlanFragment }) {
  const { past, cut, suffix } = sides(plan.groups);
  const live = plan.hosts.length > 0;
  return (
    <dl className={styles.facts}>
      <Line term="executor">{EXECUTOR_WORDS[plan.executor]}</Line>
      <Groups term="past" groups={past} />
      <Groups term="cut" groups={cut} />
      <Groups term="after" groups={suffix} />
      <Line term="writes">
        {plan.effects.length === 0
          ? "none after the cut"
          : plan.effects.map(({ name, mode, steps, allowed }) => (
              <span key={name + mode} className={styles.effect} data-live={mode === "LIVE"}>
                <b>{plainLine(name)}</b> {steps > 1 ? `× ${count(steps)} ` : ""}
                {mode === "LIVE" ? (allowed ? "live" : "live, not allowed") : mode.toLowerCase()}
              </span>
            ))}
      </Line>
      <Line term="leaves to">
        {live ? plan.hosts.map((host) => <code key={host}>{plainLine(host)} </code>) : "nowhere"}
      </Line>
      {live ? (
        <Line term="budget">
          {count(plan.budgets.calls)} calls, {tokens(plan.budgets.tokens)} tokens,{" "}
          {money(plan.budgets.costUsd * 1e6)}, {plan.budgets.wallS} s
          {plan.estimate.calls > 0 ? (
            <small>
              {" "}
              expected {plural(plan.estimate.calls, "call")}, {tokens(plan.estimate.tokens)} tokens
              {plan.estimate.costMicroUsd === "0" ? "" : `, ≈ ${money(plan.estimate.costMicroUsd)}`}
            </small>
          ) : null}
        </Line>
      ) : null}
      {plan.waits ? (
        <Line term="waits for">
          <Chip tone="warn">{plan.waits}</Chip>
        </Line>
      ) : null}
      {plan.says.length + plan.notes.length > 0 ? (
        <Line term="mind">
          {plan.says.map((word) => (
            <Chip key={word} tone="warn">
              {word}
            </Chip>
          ))}
          {plan.notes.map((note) => (
            <Chip key={note} tone="warn" title={reasonWords(note)}>
              {note.replaceAll("_", " ")}
            </Chip>
          ))}
        </Line>
      ) : null}
    </dl>
  );
}

function Groups({ term, groups }: { term: string; groups: readonly Group[] }) {
  if (groups.length === 0) return null;
  return (
    <Line term={term}>
      <ul className={styles.groups}>
        {groups.map((group) => (
          <li key={group.key} title={group.names.join(", ")}>
            <span>{plural(group.steps, "step")}</span>
            <span>{group.kinds}</span>
            <span data-mode={group.edited ? "edited" : group.mode.toLowerCase()}>
              {group.edited ? "edited" : group.mode.toLowerCase()}
            </span>
            <small>{ladderWords(group)}</small>
          </li>
        ))}
      </ul>
    </Line>
  );
}

function Line({ term, children }: { term: string; children: ReactNode }) {
  return (
    <div className={styles.line}>
      <dt className={styles.term}>{term}</dt>
      <dd className={styles.value}>{children}</dd>
    </div>
  );
}
