/** The state of the composer: what is written, what it comes to, and its plan. */

import { useEffect, useMemo, useState } from "react";
import { useQuery } from "urql";
import type { ReplayExecutor, StartReplayInput } from "../graphql/generated/graphql";
import { StepFacts } from "../inspector/documents";
import type { StepOf } from "../inspector/tabs";
import { Runners } from "../replay/documents";
import { KINDS } from "../runstore/columns";
import type { RunStore } from "../runstore/store";
import {
  type Draft,
  type EditTab,
  type Read,
  readDraft,
  storeDraft,
  storedDraft,
  type Written,
} from "./draft";
import { ALLOWANCE, type Allowance, type Preset, presetPolicy } from "./presets";
import { useOriginals } from "./useOriginals";
import { usePlan } from "./usePlan";

export type Side = "before" | "after";

/** Where it runs: an executor of the workers, an entry point of a runner, or whatever is best. */
export type Place =
  | { readonly is: "best" }
  | { readonly is: "worker"; readonly executor: ReplayExecutor }
  | { readonly is: "host"; readonly runner: string; readonly entrypoint: string };

export interface Settings {
  readonly side: Side;
  readonly preset: Preset;
  readonly allowance: Allowance;
  /** Text of the reader's own policy. */
  readonly policy: string;
  readonly samples: number;
  readonly place: Place | null;
  readonly resumes: string | null;
}

/** The row of the model step that prompt, model, parameters and tools are shown of. */
export function modelRow({ columns }: RunStore, row: number): number {
  const model = KINDS.indexOf("MODEL");
  for (let at = row; at < columns.count; at++) if (columns.kind[at] === model) return at;
  for (let at = row; at >= 0; at--) if (columns.kind[at] === model) return at;
  return -1;
}

function useStep(run: string, sequence: number | undefined): StepOf | null {
  const [{ data }] = useQuery({
    query: StepFacts,
    variables: { run, sequence: String(sequence ?? 0) },
    pause: sequence === undefined,
  });
  const step = data?.run?.step ?? null;
  return step && step.sequence === String(sequence) ? step : null;
}

export function useComposer(store: RunStore, row: number, start: Partial<Settings>) {
  const { columns, runId } = store;
  const sequence = columns.sequence[row];
  const step = useStep(runId, sequence);
  const at = modelRow(store, row);
  const model = useStep(runId, at < 0 ? undefined : columns.sequence[at]);
  const [draft, write] = useDraft(runId, String(sequence));
  const [tab, setTab] = useState<EditTab>(() => firstTab(draft));
  const [settings, setSettings] = useState<Settings>({
    side: "before",
    preset: start.resumes ? "kept" : "recorded",
    allowance: ALLOWANCE,
    policy: JSON.stringify(presetPolicy("recorded", ALLOWANCE), null, 2),
    samples: 1,
    place: null,
    resumes: null,
    ...start,
  });
  const change = (next: Partial<Settings>) => setSettings((old) => ({ ...old, ...next }));
  const loaded = at < 0 || model !== null;
  const wanted = [...new Set([tab, ...draftTabs(draft)])];
  const originals = useOriginals(runId, loaded ? step : null, model, wanted);
  const read = useMemo(
    () => readDraft(draft, step?.key ?? "", originals.found),
    [draft, step?.key, originals.found],
  );
  const places = usePlaces();
  const place = settings.place ?? placeFor(places, store.facts?.name ?? "");
  const policy = readPolicy(settings);
  const pending = draftTabs(draft).some((each) => !(each in originals.found));
  const readable =
    step !== null && !pending && policy.mistake === null && Object.keys(read.mistakes).length === 0;
  const input = readable ? inputOf(runId, step, read, settings, place, policy.value) : null;
  return {
    step,
    model,
    tab,
    setTab,
    draft,
    write: (of: EditTab, written: Written | null) => write(of, written),
    originals,
    read,
    settings: { ...settings, place },
    change,
    places,
    policy,
    input,
    planning: usePlan(input),
  };
}

export type Composing = ReturnType<typeof useComposer>;

function draftTabs(draft: Draft): EditTab[] {
  // Only tabs are keys of a draft: it is read strictly.
  return Object.keys(draft.edits) as EditTab[];
}

function firstTab(draft: Draft): EditTab {
  return draftTabs(draft)[0] ?? "output";
}

function useDraft(run: string, step: string) {
  const [draft, setDraft] = useState(() => storedDraft(sessionStorage, run, step));
  useEffect(() => storeDraft(sessionStorage, run, step, draft), [run, step, draft]);
  const write = (tab: EditTab, written: Written | null) =>
    setDraft(({ edits: { [tab]: _old, ...others } }) => ({
      edits: written === null ? others : { ...others, [tab]: written },
    }));
  return [draft, write] as const;
}

/** How often runners are looked for while the composer is open: they come and go. */
const RUNNERS_MS = 4_000;

/** Every entry point that a runner offers now. */
export function usePlaces(): readonly (Place & { readonly is: "host" })[] {
  const [{ data }, again] = useQuery({ query: Runners, requestPolicy: "cache-and-network" });
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) again({ requestPolicy: "network-only" });
    }, RUNNERS_MS);
    return () => clearInterval(timer);
  }, [again]);
  return (data?.project.runners ?? []).flatMap(({ name, entrypoints }) =>
    entrypoints.map((entrypoint) => ({ is: "host" as const, runner: name, entrypoint })),
  );
}

/** The entry point that is called like the run, else whatever the server takes. */
export function placeFor(
  places: readonly (Place & { readonly is: "host" })[],
  runName: string,
): Place {
  return places.find(({ entrypoint }) => entrypoint === runName) ?? { is: "best" };
}

function readPolicy({ preset, allowance, policy }: Settings): {
  /** Null for one that cannot be read, and for that of the replay which is resumed. */
  readonly value: object | null;
  readonly mistake: string | null;
} {
  if (preset === "kept") return { value: null, mistake: null };
  if (preset !== "own") return { value: presetPolicy(preset, allowance), mistake: null };
  try {
    const value: unknown = JSON.parse(policy);
    if (typeof value === "object" && value !== null) return { value, mistake: null };
    return { value: null, mistake: "A policy is an object." };
  } catch (error) {
    const why = error instanceof Error ? error.message : "cannot be read";
    return { value: null, mistake: `No JSON: ${why}` };
  }
}

function inputOf(
  run: string,
  step: StepOf,
  read: Read,
  settings: Settings,
  place: Place,
  policy: object | null,
): StartReplayInput {
  return {
    runId: run,
    cut: { key: step.key, side: settings.side },
    edits: read.edits,
    ...(policy ? { policy } : {}),
    samples: settings.samples,
    ...(settings.resumes ? { resumes: settings.resumes } : {}),
    ...(place.is === "worker" ? { executor: place.executor } : {}),
    ...(place.is === "host"
      ? { executor: "HOST", runner: place.runner, entrypoint: place.entrypoint }
      : {}),
  };
}
