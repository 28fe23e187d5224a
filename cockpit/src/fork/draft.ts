/** What a reader wrote in the composer, and the edits it comes to. Pure. */

import { isRecord } from "../graphql/failure";

const OF_STEP = ["output", "input", "insert", "fail", "drop", "latency"] as const;
const OF_MODELS = ["prompt", "model", "params", "tools"] as const;
const OF_PROCESS = ["env", "clock", "impl"] as const;

/** The tabs of the composer; each makes at most one edit of `replay.md`, section 9. */
export const EDIT_TABS = [...OF_STEP, ...OF_MODELS, ...OF_PROCESS] as const;
export type EditTab = (typeof EDIT_TABS)[number];

/** What an edit changes: the step at the cut, every model call after it, or the agent's process. */
export const EDIT_GROUPS: readonly (readonly [string, readonly EditTab[]])[] = [
  ["this step", OF_STEP],
  ["models after", OF_MODELS],
  ["the process", OF_PROCESS],
];

/** How the text of a tab is read. */
export type Writing = "json" | "text" | "patch";

export interface Written {
  readonly text: string;
  readonly as: Writing;
}

export interface Draft {
  readonly edits: Readonly<Partial<Record<EditTab, Written>>>;
}

export const NO_DRAFT: Draft = { edits: {} };

/** What a tab began with; `value` is undefined where the step has none, or it is too large. */
export interface Original {
  readonly value: unknown;
  /** Why it cannot be written over as a whole; null when it can. */
  readonly only: "patch" | null;
}

export type Edit = Readonly<Record<string, unknown>> & { readonly kind: string };

export interface Read {
  readonly edits: readonly Edit[];
  /** The tab of each edit, to place refusals of the server. */
  readonly tabs: readonly EditTab[];
  readonly mistakes: Readonly<Partial<Record<EditTab, string>>>;
}

/** Kinds that hold from the cut on; the others change the step alone. */
export const HELD: ReadonlySet<EditTab> = new Set([...OF_MODELS, ...OF_PROCESS]);
/** Kinds that only a process that runs the agent's code can make. */
export const OF_HOST: ReadonlySet<EditTab> = new Set(OF_PROCESS);
/** Kinds that are written in one line. */
export const LINES: ReadonlySet<EditTab> = new Set(["model", "fail", "latency", "clock", "impl"]);

const LATENCY_LIMIT_S = 600;

/** The edits of a draft; a text that cannot be read, or changes nothing, makes none. */
export function readDraft(
  draft: Draft,
  key: string,
  originals: Readonly<Partial<Record<EditTab, Original>>>,
): Read {
  const edits: Edit[] = [];
  const tabs: EditTab[] = [];
  const mistakes: Partial<Record<EditTab, string>> = {};
  for (const tab of EDIT_TABS) {
    const written = draft.edits[tab];
    if (!written) continue;
    try {
      const change = changeOf(tab, written, originals[tab]?.value);
      if (change === null) continue;
      edits.push({ kind: tab, ...(HELD.has(tab) && tab !== "impl" ? {} : { key }), ...change });
      tabs.push(tab);
    } catch (error) {
      mistakes[tab] = error instanceof Error ? error.message : "cannot be read";
    }
  }
  return { edits, tabs, mistakes };
}

/** The value or patch of one edit; null when it changes nothing. */
function changeOf(tab: EditTab, { text, as }: Written, original: unknown): object | null {
  if (as === "patch") return { patch: readPatch(text) };
  if (LINES.has(tab)) {
    const line = text.trim();
    return line === "" || line === original ? null : { value: lineValue(tab, line) };
  }
  const value = as === "text" ? text : parsed(text);
  if (same(value, original)) return null;
  if (tab === "drop") return value === true ? { value } : null;
  if (tab === "insert") return insertion(value);
  if (tab === "env") return environment(asObject(value));
  if (tab === "input") return { value: changedMembers(asObject(value), original) };
  if (tab === "params") return paramsChange(asObject(value), original);
  if (tab === "tools" && !Array.isArray(value)) throw new Error("Tools are a list.");
  return { value };
}

/** What one line says: an id, a status or message, seconds, a moment, `module:function`. */
function lineValue(tab: EditTab, line: string): number | string {
  const seconds = Number(line);
  switch (tab) {
    case "fail":
      return /^[45]\d\d$/.test(line) ? seconds : line;
    case "latency":
      if (seconds >= 0 && seconds <= LATENCY_LIMIT_S) return seconds;
      throw new Error(`Seconds between 0 and ${LATENCY_LIMIT_S} are wanted here.`);
    case "clock":
      if (Number.isFinite(seconds)) return seconds;
      if (/^\d{4}-\d\d-\d\d/.test(line) && !Number.isNaN(Date.parse(line))) return line;
      throw new Error("Seconds to add, or a moment such as 2026-01-31T09:00:00Z, are wanted here.");
    case "impl":
      if (/^[^\s:]+:[^\s:]+$/.test(line)) return line;
      throw new Error("A function is named as module:function.");
    default:
      return line;
  }
}

/** `{part, at, items}`; no items are no change. */
function insertion(value: unknown): object | null {
  const { items } = asObject(value);
  if (!Array.isArray(items)) throw new Error('"items" is the list of what is put in.');
  return items.length === 0 ? null : { value };
}

/** Variables by name; no names are no change. */
function environment(value: Record<string, unknown>): object | null {
  const wrong = Object.entries(value).find(([, to]) => to !== null && typeof to !== "string");
  if (wrong) throw new Error(`${wrong[0]} is set to a text, or to null to unset it.`);
  return Object.keys(value).length === 0 ? null : { value };
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch (error) {
    throw new Error(`No JSON: ${error instanceof Error ? error.message : "cannot be read"}`);
  }
}

function readPatch(text: string): readonly unknown[] {
  const value = parsed(text);
  if (!Array.isArray(value) || !value.every(isOperation)) {
    throw new Error(
      'A patch is a list of operations such as {"op": "replace", "path": "/a", "value": 1}.',
    );
  }
  return value;
}

function isOperation(value: unknown): boolean {
  return isRecord(value) && typeof value.op === "string" && typeof value.path === "string";
}

function asObject(value: unknown): Record<string, unknown> {
  if (!isRecord(value)) throw new Error("An object is wanted here.");
  return value;
}

function changedMembers(
  value: Record<string, unknown>,
  original: unknown,
): Record<string, unknown> {
  const before = isRecord(original) ? original : {};
  return Object.fromEntries(
    Object.entries(value).filter(([name, now]) => !same(now, before[name])),
  );
}

/** Members that were set; with a member taken away, a patch. */
function paramsChange(value: Record<string, unknown>, original: unknown): object {
  const before = isRecord(original) ? original : {};
  const changed = changedMembers(value, before);
  const gone = Object.keys(before).filter((name) => !(name in value));
  if (gone.length === 0) return { value: changed };
  const set = Object.entries(changed).map(([name, now]) => ({
    op: "add",
    path: pointer(name),
    value: now,
  }));
  return { patch: [...set, ...gone.map((name) => ({ op: "remove", path: pointer(name) }))] };
}

function pointer(name: string): string {
  return `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** Equal as JSON, whatever the order of members. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, at) => same(item, b[at]));
  }
  if (!isRecord(a) || !isRecord(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => name in b && same(a[name], b[name]))
  );
}

/** Whether JSON text would lose something of a value that stands for more than JSON can say. */
export function holdsMore(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(holdsMore);
  if (!isRecord(value)) return false;
  const names = Object.keys(value);
  if (names.length === 1 && /^\$(bytes|int|float|text|dict|truncated)$/.test(names[0] ?? ""))
    return true;
  return Object.values(value).some(holdsMore);
}

const EMPTY: Readonly<Partial<Record<EditTab, string>>> = { output: "null", tools: "[]" };

/** The text a tab begins with. */
export function textFor({ value, only }: Original, tab: EditTab): Written {
  if (only === "patch") return { text: "[]", as: "patch" };
  if (typeof value === "string") return { text: value, as: "text" };
  if (LINES.has(tab) || tab === "prompt") return { text: "", as: "text" };
  if (value === undefined) return { text: EMPTY[tab] ?? "{}", as: "json" };
  return { text: JSON.stringify(value, null, 2), as: "json" };
}

const PLACE = "forkpoint.draft.";

/** The draft of this tab of the browser for a step; an unreadable one is none. */
export function storedDraft(storage: Storage, run: string, step: string): Draft {
  try {
    const value: unknown = JSON.parse(storage.getItem(`${PLACE}${run}.${step}`) ?? "");
    if (!isRecord(value) || !isRecord(value.edits)) return NO_DRAFT;
    const edits = Object.fromEntries(
      Object.entries(value.edits).filter(
        ([tab, written]) =>
          EDIT_TABS.some((known) => known === tab) &&
          isRecord(written) &&
          typeof written.text === "string" &&
          ["json", "text", "patch"].includes(String(written.as)),
      ),
    );
    return { edits };
  } catch {
    return NO_DRAFT;
  }
}

export function storeDraft(storage: Storage, run: string, step: string, draft: Draft): void {
  const name = `${PLACE}${run}.${step}`;
  if (Object.keys(draft.edits).length === 0) storage.removeItem(name);
  else storage.setItem(name, JSON.stringify(draft));
}
