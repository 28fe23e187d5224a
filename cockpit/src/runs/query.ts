/**
 * The filter line: `status:error tool:refund since:7d free text`. A token that does not parse is
 * marked where it stands and the rest still applies.
 */

import type { Kind, RunFilter, Status } from "../graphql/generated/graphql";

export interface Token {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** Why it does not parse; null when it does. */
  readonly problem: string | null;
}

export interface Query {
  readonly filter: RunFilter;
  readonly tokens: readonly Token[];
}

export const STATUSES = ["RUNNING", "OK", "ERROR", "CANCELLED", "INTERRUPTED"] as const;
export const KIND_WORDS = [
  "MODEL",
  "RETRIEVER",
  "TOOL",
  "PLANNER",
  "VALIDATOR",
  "SAFETY",
  "AGENT",
  "CUSTOM",
] as const;

/** Keys of the grammar, with an example each, as the filter's suggestions show them. */
export const KEYS: readonly (readonly [key: string, example: string])[] = [
  ["status", "status:error"],
  ["name", "name:refund-agent"],
  ["tool", "tool:refund"],
  ["model", "model:gpt-5"],
  ["kind", "kind:retriever"],
  ["tag", "tag:nightly"],
  ["duration", "duration:>10s"],
  ["since", "since:7d"],
  ["until", "until:2026-03-01"],
  ["forkOf", "forkOf:RUN-ID"],
];

const TOKEN = /([A-Za-z]+):("[^"]*"|\S*)|"[^"]*"|\S+/g;

/** Reads the line; `now` is in milliseconds since the epoch and anchors `since:7d`. */
export function parseQuery(line: string, now: number): Query {
  const filter: RunFilter = {};
  const tokens: Token[] = [];
  const words: string[] = [];
  for (const match of line.matchAll(TOKEN)) {
    const [text, key, value] = match;
    let problem: string | null = null;
    if (key === undefined || value === undefined) words.push(unquoted(text));
    else problem = apply(filter, key, unquoted(value), now);
    tokens.push({ start: match.index, end: match.index + text.length, text, problem });
  }
  if (words.length) filter.text = words.join(" ");
  return { filter, tokens };
}

function unquoted(text: string): string {
  return text.replace(/^"|"$/g, "");
}

type Reader = (filter: RunFilter, value: string, now: number) => string | null;

const READERS: Record<string, Reader> = {
  status(filter, value) {
    const chosen = value.split(",").map((word) => STATUSES.find((s) => s === word.toUpperCase()));
    const known = chosen.filter((status): status is Status => status !== undefined);
    if (known.length < chosen.length) return `a status is ${list(STATUSES)}`;
    filter.status = [...(filter.status ?? []), ...known];
    return null;
  },
  kind(filter, value) {
    const kind: Kind | undefined = KIND_WORDS.find((word) => word === value.toUpperCase());
    if (!kind) return `a kind is ${list(KIND_WORDS)}`;
    filter.kind = kind;
    return null;
  },
  name: text("name"),
  tag: text("tag"),
  tool: text("tool"),
  model: text("model"),
  forkof(filter, value) {
    if (!/^[0-9a-f-]{32,36}$/i.test(value)) return "forkOf wants a run id";
    filter.forkOf = value;
    return null;
  },
  duration(filter, value) {
    const ns = readDuration(value.replace(/^>=?/, ""));
    if (ns === null || value.startsWith("<")) return "write duration:>10s (ms, s, m, h)";
    filter.durationOverNs = String(ns);
    return null;
  },
  since(filter, value, now) {
    const at = readMoment(value, now);
    if (at === null) return "write since:7d, since:12h or since:2026-03-01";
    filter.since = at;
    return null;
  },
  until(filter, value, now) {
    const at = readMoment(value, now);
    if (at === null) return "write until:1d or until:2026-03-01";
    filter.until = at;
    return null;
  },
};

function text(field: "name" | "tag" | "tool" | "model"): Reader {
  return (filter, value) => {
    filter[field] = value;
    return null;
  };
}

function apply(filter: RunFilter, key: string, value: string, now: number): string | null {
  const reader = READERS[key.toLowerCase()];
  if (!reader) return `no filter is called ${key}`;
  return value === "" ? `${key}: wants a value` : reader(filter, value, now);
}

function list(words: readonly string[]): string {
  return words.map((word) => word.toLowerCase()).join(", ");
}

const UNIT_MS: Record<string, number> = { ms: 1, s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7, w: 6.048e8 };

function readSpan(value: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(value);
  if (!match) return null;
  return Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? 0);
}

function readDuration(value: string): number | null {
  const ms = readSpan(value);
  return ms === null ? null : Math.round(ms * 1e6);
}

/** A span before `now`, or the local midnight of a date, as ns since the epoch. */
function readMoment(value: string, now: number): string | null {
  const ms = readSpan(value);
  if (ms !== null) return ns(Math.floor((now - ms) / 60_000) * 60_000);
  const date = /^\d{4}-\d{2}-\d{2}$/.test(value)
    ? new Date(`${value}T00:00:00`).getTime()
    : Number.NaN;
  return Number.isNaN(date) ? null : ns(date);
}

function ns(milliseconds: number): string {
  return `${BigInt(milliseconds) * 1_000_000n}`;
}

/** The line with the values of one key replaced, or that key added at the end. */
export function withToken(line: string, key: string, value: string | null): string {
  const kept = [...line.matchAll(TOKEN)]
    .filter(([, name]) => name?.toLowerCase() !== key.toLowerCase())
    .map(([token]) => token);
  return (value === null ? kept : [...kept, `${key}:${value}`]).join(" ");
}
