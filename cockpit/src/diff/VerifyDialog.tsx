import { type ReactNode, useState } from "react";
import { ALLOWANCE, mayLeave, PRESET_WORDS, type Preset, presetPolicy } from "../fork/presets";
import { usePlaces } from "../fork/useComposer";
import { count, money, plural, tokens } from "../format/count";
import { plainLine } from "../format/visible";
import { failureOf } from "../graphql/failure";
import { Button } from "../ui/Button";
import { Chip } from "../ui/Chip";
import { Dialog } from "../ui/Dialog";
import { Skeleton } from "../ui/State";
import type { Attribution, VerifyPlan } from "./questions";
import { askVerification, useVerifyPlan, type VerifyInput } from "./useVerifyPlan";
import styles from "./VerifyDialog.module.css";

const CHOICES: readonly Setup["preset"][] = ["recorded", "model", "live", "own"];

interface Setup {
  /** Index of a runner's entry point; -1: a worker goes on with the proven loop. */
  readonly place: number | null;
  readonly preset: Exclude<Preset, "kept">;
  readonly policy: string;
  readonly hosts: string;
  readonly usd: number;
  readonly sessions: number;
  /** Seconds after which no replay begins. */
  readonly wall: number;
  /** Whether A is given each root's value of B as well. */
  readonly apply: boolean;
}

const START: Setup = {
  place: null,
  preset: "recorded",
  policy: "",
  hosts: "",
  usd: 1,
  sessions: 100,
  wall: 1800,
  apply: false,
};

/** What is to be replayed, under which policy and budget; nothing begins without a plan. */
export function VerifyDialog({
  a,
  b,
  runName,
  onBegun,
  onClose,
}: {
  a: string;
  b: string;
  runName: string;
  onBegun: (attribution: Attribution) => void;
  onClose: () => void;
}) {
  const [setup, setSetup] = useState(START);
  const [starting, setStarting] = useState(false);
  const [trouble, setTrouble] = useState<string | null>(null);
  const places = usePlaces();
  const change = (next: Partial<Setup>) => setSetup((old) => ({ ...old, ...next }));
  const at = setup.place ?? usualPlace(places, runName);
  const place = places[at] ?? null;
  const policy = policyOf(setup);
  const input: VerifyInput | null = policy && {
    a,
    b,
    policy,
    apply: setup.apply,
    budget: {
      sessions: setup.sessions,
      wallS: setup.wall,
      ...(mayLeave(setup.preset) ? { costUsd: setup.usd } : {}),
    },
    ...(place ? { entrypoint: place.entrypoint, runner: place.runner } : { executor: "LOOP" }),
  };
  const { plan, failure, current } = useVerifyPlan(input);
  const refusals = plan?.replay.refusals ?? [];
  const problems = [
    ...(policy === null ? [{ code: "", message: "The policy is no JSON object." }] : []),
    ...(failure ? [failure] : []),
    ...refusals,
    ...(trouble ? [{ code: "", message: trouble }] : []),
  ];
  const start = () => {
    if (!input) return;
    setStarting(true);
    askVerification(input)
      .then(({ attribution }) => {
        if (attribution) onBegun(attribution);
        onClose();
      })
      .catch((error: unknown) => {
        setTrouble(failureOf(error).message);
        setStarting(false);
      });
  };
  return (
    <Dialog label="Verify causes" onClose={onClose}>
      <div className={styles.dialog} data-stale={!current}>
        <h2 className={styles.title}>Verify causes by replays</h2>
        <Form setup={setup} change={change} places={places} at={at} />
        {plan ? <Facts plan={plan} /> : null}
        {plan || failure ? null : <Skeleton rows={4} label="Planning" />}
        {problems.map(({ code, message }) => (
          <p key={code + message} className={styles.refusal} role="alert">
            {message} {code ? <code>{code}</code> : null}
          </p>
        ))}
        <footer className={styles.foot}>
          {plan && current && refusals.length === 0 ? (
            <Button tone="accent" disabled={starting} onPress={start}>
              {starting ? "starting…" : startWords(plan, setup)}
            </Button>
          ) : (
            <span>No plan, no start.</span>
          )}
          <Button onPress={onClose}>Close</Button>
        </footer>
      </div>
    </Dialog>
  );
}

/** The entry point that is called like the run, else the first; -1 where none is online. */
function usualPlace(places: ReturnType<typeof usePlaces>, runName: string): number {
  const named = places.findIndex(({ entrypoint }) => entrypoint === runName);
  return named >= 0 || places.length === 0 ? named : 0;
}

interface FormProps {
  readonly setup: Setup;
  readonly change: (next: Partial<Setup>) => void;
  readonly places: ReturnType<typeof usePlaces>;
  readonly at: number;
}

/** Who replays, what it may do, and how much of it. */
function Form({ setup, change, places, at }: FormProps) {
  return (
    <>
      <Line term="runs in">
        <select
          aria-label="runs in"
          value={at}
          onChange={(event) => change({ place: Number(event.target.value) })}
        >
          {places.map(({ runner, entrypoint }, index) => (
            <option key={`${runner} ${entrypoint}`} value={index}>
              {plainLine(`runner ${runner} · ${entrypoint}`)}
            </option>
          ))}
          <option value={-1}>a worker, if the recording is a standard loop</option>
        </select>
        {places.length === 0 ? (
          <small>
            No runner is online. Agent code is executed by <code>forkpoint runner</code>, or here:{" "}
            <code>forkpoint bisect A B -- CMD</code>
          </small>
        ) : null}
      </Line>
      <Line term="may do">
        <select
          aria-label="may do"
          value={setup.preset}
          onChange={(event) =>
            change({ preset: CHOICES.find((one) => one === event.target.value) ?? "recorded" })
          }
        >
          {CHOICES.map((preset) => (
            <option key={preset} value={preset}>
              {PRESET_WORDS[preset].join(": ")}
            </option>
          ))}
        </select>
        {setup.preset === "own" ? (
          <textarea
            aria-label="Policy"
            rows={8}
            spellCheck={false}
            value={setup.policy}
            placeholder='{"policy": "forkpoint.policy/1", "default": {"mode": "cached"}}'
            onChange={(event) => change({ policy: event.target.value })}
          />
        ) : null}
        {mayLeave(setup.preset) ? (
          <input
            aria-label="hosts that may be reached"
            placeholder="hosts that may be reached: api.example.com"
            spellCheck={false}
            value={setup.hosts}
            onChange={(event) => change({ hosts: event.target.value })}
          />
        ) : null}
      </Line>
      <Line term="budget">
        <Amount
          label="replays"
          value={setup.sessions}
          least={3}
          onChange={(sessions) => change({ sessions })}
        />
        <Amount
          label="seconds"
          value={setup.wall}
          least={1}
          onChange={(wall) => change({ wall })}
        />
        {mayLeave(setup.preset) ? (
          <Amount label="US $" value={setup.usd} least={0} onChange={(usd) => change({ usd })} />
        ) : null}
      </Line>
      <Line term="also">
        <label>
          <input
            type="checkbox"
            checked={setup.apply}
            onChange={(event) => change({ apply: event.target.checked })}
          />{" "}
          give A each of B's values: how often does B's outcome come?
        </label>
      </Line>
    </>
  );
}

function policyOf({ preset, policy, hosts, usd }: Setup): object | null {
  if (preset !== "own") return presetPolicy(preset, { ...ALLOWANCE, hosts, usd });
  try {
    const value: unknown = JSON.parse(policy);
    return typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

function startWords({ least, most }: VerifyPlan, { preset, usd }: Setup): string {
  const replays =
    least >= most ? `${count(most)} replays` : `${count(least)} to ${count(most)} replays`;
  return `Verify: ${replays}${mayLeave(preset) ? `, live up to ${money(usd * 1e6)}` : ""}`;
}

const EDIT_WORDS: Readonly<Record<string, string>> = {
  output: "A's answer",
  fail: "A's error",
  input: "A's input",
  replace: "A's input, in later requests too",
  drop: "call dropped",
  insert: "A's messages put back",
};

/** What would be set back, and what one replay may do. */
function Facts({ plan }: { plan: VerifyPlan }) {
  const { replay } = plan;
  return (
    <>
      <Line term="set back">
        <ul className={styles.roots}>
          {plan.roots.map(({ row, key, name, edits }) => (
            <li key={row}>
              <b>{plainLine(name)}</b> <code>{key}</code>{" "}
              {edits.length > 0 ? (
                edits.map((edit) => EDIT_WORDS[edit] ?? edit).join(", ")
              ) : (
                <Chip tone="warn">cannot be reverted</Chip>
              )}
            </li>
          ))}
        </ul>
      </Line>
      <Line term="first">
        B replayed exactly, B with all of this set back, then A again for its noise
      </Line>
      <Line term="writes">
        {replay.effects.length === 0
          ? "none behind the first difference"
          : replay.effects
              .map(({ name, mode }) => `${plainLine(name)} ${mode.toLowerCase()}`)
              .join(", ")}
      </Line>
      <Line term="leaves to">
        {replay.hosts.length > 0 ? replay.hosts.map(plainLine).join(", ") : "nowhere"}
        {replay.hosts.length > 0 ? (
          <small>
            each replay: {plural(replay.budgets.calls, "call")}, {tokens(replay.budgets.tokens)}{" "}
            tokens, {money(replay.budgets.costUsd * 1e6)}
          </small>
        ) : null}
      </Line>
      {replay.waits ? (
        <Line term="waits for">
          <Chip tone="warn">{replay.waits}</Chip>
        </Line>
      ) : null}
      {replay.says.length > 0 ? (
        <Line term="mind">
          {replay.says.map((word) => (
            <Chip key={word} tone="warn">
              {word}
            </Chip>
          ))}
        </Line>
      ) : null}
    </>
  );
}

function Line({ term, children }: { term: string; children: ReactNode }) {
  return (
    <div className={styles.line}>
      <span className={styles.term}>{term}</span>
      <div className={styles.value}>{children}</div>
    </div>
  );
}

function Amount({
  label,
  value,
  least,
  onChange,
}: {
  label: string;
  value: number;
  least: number;
  onChange: (value: number) => void;
}) {
  return (
    <label>
      {label}{" "}
      <input
        type="number"
        min={least}
        value={value}
        onChange={(event) => {
          const next = Number(event.target.value);
          if (Number.isFinite(next) && next >= least) onChange(next);
        }}
      />
    </label>
  );
}
