/** How kinds and statuses are drawn: a letter or mark goes with every colour. */

import type { KindName } from "../runstore/columns";

export const KIND_LETTER: Record<KindName, string> = {
  MODEL: "M",
  RETRIEVER: "R",
  TOOL: "T",
  PLANNER: "P",
  VALIDATOR: "V",
  SAFETY: "S",
  AGENT: "A",
  CUSTOM: "C",
};

export type StatusName = "RUNNING" | "OK" | "ERROR" | "CANCELLED" | "INTERRUPTED";

export const STATUS_MARK: Record<StatusName, string> = {
  OK: "✓",
  ERROR: "✕",
  RUNNING: "●",
  INTERRUPTED: "◌",
  CANCELLED: "⊘",
};

export const STATUS_WORD: Record<StatusName, string> = {
  OK: "ok",
  ERROR: "error",
  RUNNING: "running",
  INTERRUPTED: "interr.",
  CANCELLED: "cancelled",
};
