/** How a step of a replay agrees with its recording. Pure. */

import { Flag, modeOf } from "../runstore/columns";

export type Agreement = "equal" | "answer" | "diverged" | "extra" | "missing";

export const AGREEMENT_MARK: Record<Agreement, string> = {
  equal: "=",
  answer: "≈",
  diverged: "≠",
  extra: "+",
  missing: "−",
};

export const AGREEMENT_WORD: Record<Agreement, string> = {
  equal: "same call, same answer",
  answer: "same call, other answer",
  diverged: "other call",
  extra: "only in this run",
  missing: "only in the recording",
};

const OF_CLASS: Record<string, Agreement> = {
  same: "equal",
  origin: "answer",
  integrity: "answer",
  absorbed: "diverged",
  intervention: "diverged",
  propagated: "diverged",
  inserted: "extra",
  removed: "missing",
};

/** The mark for a class of the diff engine; null for one this build does not know. */
export function agreementOf(className: string): Agreement | null {
  return OF_CLASS[className] ?? null;
}

/** What the flags of a replayed step alone tell, while no comparison is there. */
export function agreementOfFlags(flags: number): Agreement | null {
  if (flags & Flag.diverged) return "diverged";
  if (flags & (Flag.running | Flag.edited)) return null;
  return modeOf(flags) === "exact" ? "equal" : null;
}
