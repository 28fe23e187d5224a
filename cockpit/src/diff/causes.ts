/** What is said of a root: its word, how sure that is, and the evidence. Pure. */

import type { Tone } from "../ui/Chip";
import type { Arm, Root } from "./report";

export interface WordLook {
  readonly tone: Tone;
  readonly mark: string;
  readonly meaning: string;
}

const LOOKS: Readonly<Record<string, WordLook>> = {
  verified: {
    tone: "ok",
    mark: "✓",
    meaning:
      "Shown by replays: with this set back to A's value B comes to A's outcome, without it does not.",
  },
  refuted: {
    tone: "plain",
    mark: "✕",
    meaning: "Shown by replays: set back alone, B does not come to A's outcome.",
  },
  undetermined: {
    tone: "warn",
    mark: "?",
    meaning: "The replays so far do not decide it.",
  },
  supported: {
    tone: "accent",
    mark: "→",
    meaning: "Content that says by itself where it came from leads from here to the outcome.",
  },
  possible: {
    tone: "plain",
    mark: "⇢",
    meaning: "It reaches the outcome by what asked for what: it may be a cause.",
  },
  none: {
    tone: "plain",
    mark: "–",
    meaning: "No way from here to the outcome was found, or the outcomes are equal.",
  },
};

export function wordLook(word: string): WordLook {
  return LOOKS[word] ?? { tone: "plain", mark: "?", meaning: "" };
}

/** How a word is read: `none` would sound like a verdict. */
export function wordText(word: string): string {
  return word === "none" ? "no path" : word;
}

const ORDER = Object.keys(LOOKS);

/** `1 verified, 2 refuted`: how many roots have each word, the surest first. */
export function wordCounts(roots: readonly Root[]): string {
  const counts = new Map<string, number>();
  for (const { word } of roots) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts]
    .sort(([one], [other]) => ORDER.indexOf(one) - ORDER.indexOf(other))
    .map(([word, count]) => `${count} ${wordText(word)}`)
    .join(", ");
}

/** `revert 9/10 (60–98 %), keep 0/10 (0–28 %)`; nothing without replays. */
export function evidence({ revert, keep, apply }: Root): string {
  return [
    revert ? `revert ${rate(revert)}` : "",
    keep ? `keep ${rate(keep)}` : "",
    apply ? `A given it ${rate(apply)}` : "",
  ]
    .filter(Boolean)
    .join(", ");
}

/** What replays say of chance; without them only that a model answered otherwise. */
export function samplingWords({ again }: Root): string {
  if (!again) return "A model answered otherwise to the same input: chance alone may be why.";
  return `Asked again in ${again.n} replays of A, B's answer came in ${again.asB}: chance alone may be why.`;
}

export function rate({ n, hits, stopped, interval }: Arm): string {
  const halted = stopped ? `, ${stopped} stopped` : "";
  if (!interval) return `${hits}/${n}${halted}`;
  const [low, high] = interval.map((end) => Math.round(100 * end));
  return `${hits}/${n} (${low}–${high} %)${halted}`;
}

/** An arm in words: `b-3-7` sets rows 3 and 7 back. */
export function armWords(arm: string): string {
  if (arm === "baseline") return "B replayed exactly";
  if (arm === "a") return "A again, for its noise";
  const [side, ...rows] = arm.split("-");
  if (side === "a") return `A given row ${rows.map((row) => Number(row) + 1).join(", ")} of B`;
  if (rows.length === 0) return "B as it is";
  return `B with ${rows.length === 1 ? "row" : "rows"} ${rows.map((row) => Number(row) + 1).join(", ")} set back`;
}

const STOPPED: Readonly<Record<string, string>> = {
  baseline_unproven:
    "Replayed exactly, B is not identical to its recording: nothing can be proved.",
  not_in_roots:
    "With every root set back B still does not come to A's outcome: the cause was not captured.",
  unanswered: "With every root set back B stops before its end: nothing answers what it asks.",
  no_executor: "B is no standard loop: only its own code can replay it, in a runner.",
  budget: "The budget was used up.",
};

export function stoppedWords(reason: string): string {
  return STOPPED[reason] ?? reason;
}
