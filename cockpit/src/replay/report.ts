/** The parts of a `forkpoint.divergence/1` report that a reader wants. Pure. */

import { isRecord } from "../graphql/failure";

export interface Change {
  readonly pointer: string;
  readonly expected: string;
  readonly got: string;
}

export interface ReplayReport {
  readonly matched: number | null;
  readonly recorded: number | null;
  readonly soft: readonly string[];
  readonly guard: string | null;
  readonly changes: readonly Change[];
  readonly suggest: string | null;
  /** Recorded and now; null where not known. */
  readonly code: { readonly recorded: string | null; readonly now: string | null } | null;
}

/** Reads a report of any version leniently: what is not there is null or empty. */
export function readReplayReport(value: unknown): ReplayReport {
  const report = isRecord(value) ? value : {};
  return {
    matched: number(report.matched),
    recorded: number(report.recorded),
    soft: listed(report.soft).map(softName).filter(Boolean),
    guard: text(report.guard),
    changes: listed(report.changes).filter(isRecord).map(readChange),
    suggest: text(report.suggest),
    code: readCode(report.codeVersion),
  };
}

/** Soft findings are codes, or objects that name one. */
function softName(value: unknown): string {
  if (typeof value === "string") return value;
  return isRecord(value) ? String(value.code ?? value.reason ?? "") : "";
}

function readChange(change: Record<string, unknown>): Change {
  return {
    pointer: String(change.pointer ?? ""),
    expected: shown(change.expected),
    got: shown(change.got),
  };
}

function shown(value: unknown): string {
  if (value === undefined) return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function readCode(value: unknown): ReplayReport["code"] {
  return isRecord(value) ? { recorded: text(value.recorded), now: text(value.now) } : null;
}

function listed(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function number(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
