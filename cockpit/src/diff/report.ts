/** The report `forkpoint.diff/1`, as far as the page shows it. */

import * as v from "valibot";

const arm = v.object({
  n: v.number(),
  hits: v.number(),
  stopped: v.optional(v.number()),
  interval: v.optional(v.tuple([v.number(), v.number()])),
});

const pathStep = v.object({
  side: v.picklist(["a", "b"]),
  seq: v.number(),
  kind: v.string(),
  name: v.string(),
});

const root = v.object({
  /** Index of its row. */
  row: v.optional(v.number(), 0),
  /** Call keys. */
  a: v.nullable(v.string()),
  b: v.nullable(v.string()),
  kind: v.nullable(v.string()),
  /** none, possible, supported, verified, refuted, undetermined or not_revertible. */
  word: v.string(),
  tier: v.nullable(v.string()),
  couldBeSampling: v.boolean(),
  /** Call keys of the steps from the root to the outcome. */
  path: v.array(v.string()),
  pathSteps: v.optional(v.array(pathStep), []),
  /** Set where replays could say nothing of it. */
  verification: v.optional(v.string()),
  revert: v.optional(v.nullable(arm)),
  keep: v.optional(v.nullable(arm)),
  /** A given B's value there; hits came to B's outcome. */
  apply: v.optional(v.nullable(arm)),
  /** How often A's replays made the call again, and were answered as B was. */
  again: v.optional(v.nullable(v.object({ n: v.number(), asB: v.number() }))),
  seqA: v.nullable(v.number()),
  seqB: v.nullable(v.number()),
  name: v.nullable(v.string()),
  class: v.string(),
  sub: v.nullable(v.string()),
  parts: v.array(v.string()),
});

const missing = v.object({
  section: v.string(),
  reason: v.string(),
  step: v.optional(v.string()),
  code: v.optional(v.string()),
});

const replayed = v.object({
  side: v.picklist(["a", "b"]),
  edits: v.array(v.object({ kind: v.string(), key: v.nullable(v.string()) })),
  soft: v.array(v.string()),
});

const pair = v.tuple([v.nullable(v.number()), v.nullable(v.number())]);

const report = v.object({
  outcome: v.object({ by: v.string(), a: v.nullable(v.string()), b: v.nullable(v.string()) }),
  counts: v.record(v.string(), v.number()),
  coarse: v.number(),
  ambiguous: v.number(),
  roots: v.array(root),
  /** Call keys of roots that only together are a cause. */
  joint: v.optional(v.array(v.string()), []),
  spent: v.optional(v.object({ sessions: v.number(), calls: v.number(), costMicros: v.number() })),
  totals: v.object({ steps: pair, tokens: pair, costMicros: pair }),
  missing: v.array(missing),
  /** What is said of a side that is a replay. */
  replays: v.optional(v.array(replayed), []),
});

export type Report = v.InferOutput<typeof report>;
export type Arm = v.InferOutput<typeof arm>;
export type PathStep = v.InferOutput<typeof pathStep>;
export type Root = v.InferOutput<typeof root>;
export type Missing = v.InferOutput<typeof missing>;

/** Throws when the server speaks another format of the report. */
export function readReport(value: unknown): Report {
  return v.parse(report, value);
}

const REASONS: Record<string, string> = {
  not_clean: "payload not checked or withheld",
  withheld: "payload withheld",
  blob_missing: "stored bytes are missing",
  codec_mismatch: "another format",
  price_unknown: "price not known",
  no_executor: "nothing can run it",
  budget: "budget used up",
  timeout: "took too long",
  too_large: "too large",
  unsealed: "a run is still growing",
  no_answer: "nothing answers what the replay asks",
};

/** Why something is missing, in words. */
export function reasonWords(reason: string): string {
  return REASONS[reason] ?? reason;
}

/** One phrase for each section that was not compared: `payload of 3 steps: withheld`. */
export function missingPhrases(found: readonly Missing[]): string[] {
  const groups = new Map<string, { entry: Missing; steps: number }>();
  for (const entry of found) {
    const key = `${entry.section}\u0000${entry.reason}`;
    const group = groups.get(key) ?? { entry, steps: 0 };
    group.steps += entry.step ? 1 : 0;
    groups.set(key, group);
  }
  return [...groups.values()].map(({ entry, steps }) => {
    const of = steps ? ` of ${steps} ${steps === 1 ? "step" : "steps"}` : "";
    return `${entry.section.replace("part:", "")}${of}: ${REASONS[entry.reason] ?? entry.reason}`;
  });
}

/** Sides whose differences need not be those of their edits: nobody proved their recording. */
export function unprovenSides({ replays }: Report): string[] {
  return replays
    .filter(({ soft }) => soft.includes("baseline_unproven"))
    .map(({ side }) => side.toUpperCase());
}

/** `B: output of r#3, model from the cut on` for each side that is a fork. */
export function editPhrases({ replays }: Report): string[] {
  return replays
    .filter(({ edits }) => edits.length > 0)
    .map(({ side, edits }) => {
      const each = edits.map(({ kind, key }) => `${kind} ${key ? `of ${key}` : "from the cut on"}`);
      return `${side.toUpperCase()}: ${each.join(", ")}`;
    });
}

/** How the ends compare: `ok → error`, or whether the answers of the runs are equal. */
export function outcomePhrase({ outcome }: Report): {
  readonly text: string;
  readonly equal: boolean;
} {
  const equal = outcome.a === outcome.b;
  if (outcome.by === "output") return { text: equal ? "answers equal" : "answers differ", equal };
  return equal
    ? { text: `both ${outcome.a ?? "open"}`, equal }
    : { text: `${outcome.a ?? "open"} → ${outcome.b ?? "open"}`, equal };
}

const verification = v.object({
  stopped: v.nullable(v.string()),
  noise: v.optional(arm),
  seconds: v.optional(v.number()),
  missing: v.optional(v.array(missing), []),
  sessions: v.number(),
  samplesNeeded: v.optional(v.nullable(v.number())),
  spent: v.object({ calls: v.number(), tokens: v.number(), costMicros: v.number() }),
});

export type Verification = v.InferOutput<typeof verification>;

/** What a verification has come to so far; throws on another format. */
export function readVerification(value: unknown): Verification {
  return v.parse(verification, value);
}
