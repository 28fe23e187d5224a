/** Values in short: one line for a folded node. Pure. */

import { plainLine } from "../../format/visible";

export type Shape = "object" | "array" | "string" | "number" | "boolean" | "null";

export function shapeOf(value: unknown): Shape {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "array";
  const type = typeof value;
  return type === "string" || type === "number" || type === "boolean" ? type : "object";
}

/** Entries of a container in stored order; none of anything else. */
export function entriesOf(value: unknown): [string, unknown][] {
  if (Array.isArray(value)) return value.map((item, at) => [String(at), item]);
  if (typeof value === "object" && value !== null) return Object.entries(value);
  return [];
}

/** The beginning of a value on one line, at most `most` characters. */
export function inShort(value: unknown, most = 120): string {
  const text = shorten(value, most);
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function shorten(value: unknown, room: number): string {
  if (typeof value === "string") return plainLine(JSON.stringify(value.slice(0, room + 8)));
  const entries = entriesOf(value);
  if (Array.isArray(value)) return `[${joined(entries, room, ([, item]) => shorten(item, 32))}]`;
  if (typeof value === "object" && value !== null) {
    return `{${joined(entries, room, ([key, item]) => `${plainLine(key)}: ${shorten(item, 32)}`)}}`;
  }
  return String(value ?? null);
}

function joined(
  entries: readonly [string, unknown][],
  room: number,
  one: (entry: [string, unknown]) => string,
): string {
  let text = "";
  for (const entry of entries) {
    if (text.length > room) return `${text}, …`;
    text += (text && ", ") + one(entry);
  }
  return text;
}
