/** Policies a reader can take as they are: each is shown as JSON before it is used. Pure. */

export const PRESETS = ["exact", "recorded", "model", "live", "own"] as const;
/** `kept`: the policy of the replay that is resumed, which is not asked for here. */
export type Preset = (typeof PRESETS)[number] | "kept";

export interface Allowance {
  /** Hosts that live calls may reach, as typed: separated by spaces or commas. */
  readonly hosts: string;
  readonly calls: number;
  readonly usd: number;
  readonly seconds: number;
}

export const ALLOWANCE: Allowance = { hosts: "", calls: 20, usd: 1, seconds: 300 };

export const PRESET_WORDS: Record<Preset, readonly [string, string]> = {
  kept: ["As before", "the policy of the replay that goes on"],
  exact: ["Exact", "recorded answers only, for the very same calls"],
  recorded: ["Recorded only", "equal calls cached; writes simulated; else halt"],
  model: ["Other model live", "models live from the cut on, the rest recorded"],
  live: ["All live", "models, retrievers and reading tools live; writes simulated"],
  own: ["Own policy", "written here"],
};

const FORMAT = "forkpoint.policy/1";
const SIMULATED_WRITES = {
  match: { kind: "tool", effect: ["write", "idempotent_write", "unknown"] },
  mode: "cached",
  on_miss: ["simulated"],
  simulate: { static: { ok: true, simulated: true } },
};

/** The policy of a preset; `own` is written by the reader, `kept` is the server's. */
export function presetPolicy(
  preset: Exclude<Preset, "own" | "kept">,
  allowance: Allowance,
): object {
  switch (preset) {
    case "exact":
      return { policy: FORMAT, default: { mode: "exact" } };
    case "recorded":
      return {
        policy: FORMAT,
        default: { mode: "cached", on_miss: ["halt"] },
        rules: [SIMULATED_WRITES],
      };
    case "model":
      return {
        policy: FORMAT,
        default: { mode: "cached", on_miss: ["halt"] },
        rules: [{ match: { kind: "model", after_cut: true }, mode: "live" }, SIMULATED_WRITES],
        ...allowed(allowance),
      };
    case "live":
      return {
        policy: FORMAT,
        default: { mode: "cached", on_miss: ["live", "halt"] },
        rules: [
          { ...SIMULATED_WRITES, mode: "simulated", on_miss: ["halt"] },
          { match: { kind: ["model", "retriever"], after_cut: true }, mode: "live" },
          {
            match: { kind: "tool", effect: ["pure", "read"], after_cut: true },
            mode: "live",
          },
        ],
        ...allowed(allowance),
      };
  }
}

function allowed({ hosts, calls, usd, seconds }: Allowance): object {
  return {
    allow_live: { hosts: hostNames(hosts) },
    budgets: { calls, tokens: calls * 20_000, cost_usd: usd, wall_s: seconds },
  };
}

/** Host names of a typed list. */
export function hostNames(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}

/** Whether anything may leave under a preset. */
export function mayLeave(preset: Preset): boolean {
  return preset === "model" || preset === "live";
}
