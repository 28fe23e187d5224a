/** Chat messages as they were recorded, and which of them are new in a scope. Pure. */

import { isRecord } from "../graphql/failure";

export interface Message {
  readonly role: string;
  /** Text parts in order; what is no text is in `rest`. */
  readonly text: string;
  readonly calls: readonly ToolCall[];
  /** Whatever of the content is neither text nor a call; null if there is nothing. */
  readonly rest: unknown;
}

export interface ToolCall {
  readonly name: string;
  readonly args: string;
}

/** Reads a message of the OpenAI, Anthropic or our own derived shape; else it is `rest`. */
export function readMessage(value: unknown): Message {
  if (!isRecord(value)) return { role: "", text: "", calls: [], rest: value };
  const content = readContent(value.parts ?? value.content);
  const calls = [...content.calls, ...readCalls(value.tool_calls)];
  const role = typeof value.role === "string" ? value.role : "";
  const nothing = !content.text && calls.length === 0 && content.rest === null;
  return {
    role,
    text: content.text,
    calls,
    rest: nothing && value.content != null ? value.content : content.rest,
  };
}

function readContent(content: unknown): Omit<Message, "role"> {
  if (typeof content === "string") return { text: content, calls: [], rest: null };
  if (!Array.isArray(content)) return { text: "", calls: [], rest: content ?? null };
  const texts: string[] = [];
  const calls: ToolCall[] = [];
  const rest: unknown[] = [];
  for (const part of content) {
    const text = textOf(part);
    const call = isRecord(part) ? callOf(part) : null;
    if (text !== null) texts.push(text);
    else if (call) calls.push(call);
    else rest.push(part);
  }
  return { text: texts.join("\n"), calls, rest: rest.length ? rest : null };
}

function textOf(part: unknown): string | null {
  if (typeof part === "string") return part;
  if (!isRecord(part)) return null;
  if (typeof part.text === "string") return part.text;
  if (part.type === "tool_result" && typeof part.value === "string") return part.value;
  return part.type === "text" && typeof part.content === "string" ? part.content : null;
}

function callOf(part: Record<string, unknown>): ToolCall | null {
  if (part.type !== "tool_use" && part.type !== "tool_call") return null;
  return { name: String(part.name), args: JSON.stringify(part.input ?? part.arguments ?? {}) };
}

function readCalls(calls: unknown): ToolCall[] {
  if (!Array.isArray(calls)) return [];
  return calls.filter(isRecord).map((call) => {
    const target = isRecord(call.function) ? call.function : call;
    const args = target.arguments ?? target.args ?? {};
    return {
      name: String(target.name ?? target.function ?? "call"),
      args: typeof args === "string" ? args : JSON.stringify(args),
    };
  });
}

/** How many messages at the beginning are the same in both lists. */
export function unchanged(before: readonly unknown[], now: readonly unknown[]): number {
  let at = 0;
  while (at < before.length && at < now.length && equal(before[at], now[at])) at++;
  return at;
}

function equal(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
