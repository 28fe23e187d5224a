/** A plan as its card says it. Pure. */

import { money, plural } from "../format/count";
import type { Mode, PlanFragment } from "../graphql/generated/graphql";

type RawGroup = PlanFragment["groups"][number];

/** Steps on one side of the cut that are answered alike, of one kind or of several. */
export interface Group {
  readonly key: string;
  readonly steps: number;
  readonly kinds: string;
  readonly names: readonly string[];
  readonly mode: Mode;
  readonly ladder: readonly string[];
  readonly edited: boolean;
}

export interface Sides {
  readonly past: readonly Group[];
  readonly cut: readonly Group[];
  readonly suffix: readonly Group[];
}

/** Groups by side of the cut; kinds that are answered alike stand in one line. */
export function sides(groups: readonly RawGroup[]): Sides {
  const of = (where: string) => joined(groups.filter((group) => group.where === where));
  return { past: of("past"), cut: of("cut"), suffix: of("suffix") };
}

function joined(groups: readonly RawGroup[]): Group[] {
  const found = new Map<string, Group>();
  for (const group of groups) {
    const key = `${group.mode} ${group.ladder.join(" ")} ${group.edited}`;
    const old = found.get(key);
    const kind = group.kind.toLowerCase();
    found.set(key, {
      key,
      steps: (old?.steps ?? 0) + group.steps,
      kinds: old ? `${old.kinds}, ${kind}` : kind,
      names: [...(old?.names ?? []), ...group.names],
      mode: group.mode,
      ladder: group.ladder,
      edited: group.edited,
    });
  }
  return [...found.values()];
}

const RUNG: Record<string, string> = {
  halt: "halt",
  cached: "cached",
  simulated: "simulated",
  live: "live",
  error_result: "an error as result",
};

/** `else simulated, else halt`; nothing for what cannot miss, or halts as a matter of course. */
export function ladderWords({ ladder, edited, mode }: Group): string {
  if (edited || mode === "SIMULATED" || mode === "EXACT") return "";
  const rungs = ladder.map((rung) => RUNG[rung.toLowerCase()] ?? rung);
  return rungs.length ? `else ${rungs.join(", else ")}` : "";
}

/** What the button says: the most that may leave. */
export function launchWords(plan: PlanFragment, samples: number, verb = "Fork"): string {
  const many = samples > 1 ? `${samples} × ` : "";
  if (plan.hosts.length === 0) return `${many}${verb}, nothing leaves`;
  const { costUsd, calls } = plan.budgets;
  const most = costUsd > 0 ? money(costUsd * 1e6) : plural(calls, "call");
  return `${many}${verb}, live up to ${most}`;
}

/** Whether a refusal stands at its own field, not on the card. */
export function placedField(field: string): boolean {
  return /^(edits|policy|cut|executor|entrypoint|runner)\b/.test(field);
}
