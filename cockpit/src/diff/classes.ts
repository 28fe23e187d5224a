/** How classes of rows are drawn: a mark and a word go with every colour. */

import type { Row } from "./questions";

export interface ClassLook {
  readonly mark: string;
  readonly word: string;
  /** What it means, for tooltips. */
  readonly meaning: string;
}

const LOOKS: Record<string, ClassLook> = {
  same: { mark: "=", word: "same", meaning: "Equal inputs, equal answer." },
  origin: { mark: "◆", word: "origin", meaning: "Equal inputs, another answer: it begins here." },
  intervention: {
    mark: "✎",
    word: "intervention",
    meaning: "Something here was changed that no earlier step explains.",
  },
  propagated: {
    mark: "~",
    word: "propagated",
    meaning: "Inputs differ because of earlier steps, and so does the answer.",
  },
  absorbed: {
    mark: "≈",
    word: "absorbed",
    meaning: "Inputs differ because of earlier steps, the answer is the same.",
  },
  inserted: { mark: "+", word: "inserted", meaning: "A step that only B has." },
  removed: { mark: "−", word: "removed", meaning: "A step that only A has." },
  moved: { mark: "⇄", word: "moved", meaning: "Equal calls that stand in another order." },
  integrity: {
    mark: "!",
    word: "integrity",
    meaning: "An answer that was served from the recording is not the recorded one.",
  },
  unknown: {
    mark: "?",
    word: "unknown",
    meaning: "What cannot be read, or is still to come: nothing is said of it.",
  },
};

const ORDER = Object.keys(LOOKS);

export function lookOf(name: string): ClassLook {
  return LOOKS[name] ?? { mark: "?", word: name, meaning: "" };
}

/** Counts by class, in the order in which a reader wants them; classes without rows are left out. */
export function ordered(counts: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort(([one], [other]) => ORDER.indexOf(one) - ORDER.indexOf(other));
}

/** Whether the difference begins at this row. */
export function isRoot(row: Row): boolean {
  return ["origin", "intervention", "integrity"].includes(row.class) || row.sub === "intervention";
}

const PART_WORDS: Record<string, string> = { out: "answer", args: "arguments" };

/** `answer`, `messages, answer`: what differs, in words. */
export function partWords(parts: readonly string[]): string {
  return parts.map((part) => PART_WORDS[part] ?? part).join(", ");
}

/** Passes of the alignment that a reader should know of, with their reason; null for the sure ones. */
export function doubt(how: string): string | null {
  if (how === "coarse") return "Paired in a coarse pass: the runs are very long here.";
  if (how === "ambiguous") return "Paired by kind and name alone; another pairing fits as well.";
  if (how === "moved") return "Equal calls that stand in another order.";
  if (how === "lineage") return "Paired because B replayed exactly this step.";
  return null;
}
