/** The beginning of what a step was asked and answered, in one line. Pure. */

import { isRecord } from "../graphql/failure";
import type { Glance, Preview } from "./questions";

/** `city: "Berlin"`, `→ "sunny"`: what a row shows of one side. */
export interface GlanceText {
  readonly asked: string;
  readonly answered: string;
}

const LONGEST = 240;

export function glanceText(glance: Glance | null): GlanceText {
  if (!glance) return { asked: "", answered: "" };
  return {
    asked: lookText(glance.args, glance.argsState) || lookText(glance.query, glance.queryState),
    answered: lookText(glance.answer, glance.answerState),
  };
}

function lookText(look: Glance["answer"], state: Glance["answerState"]): string {
  if (look) return clip(previewText(look.preview));
  return state ? state.state.toLowerCase().replace("_", " ") : "";
}

function previewText({ type, text, json, truncated }: Preview): string {
  if (text !== null) return text;
  if (truncated) return type === "array" ? "[…]" : "{…}";
  return isMessage(json) ? messageText(json) : argumentsText(json);
}

type Message = Record<string, unknown> & { role: string };

function isMessage(value: unknown): value is Message {
  return isRecord(value) && typeof value.role === "string";
}

/** The text of a chat message, or the calls it asks for: `get_user(id: 7)`. */
export function messageText(message: Record<string, unknown>): string {
  const calls = toolCalls(message).map(({ name, args }) => `${name}(${args})`);
  const content = typeof message.content === "string" ? message.content : jsonText(message.content);
  return [content, calls.join(" ")].filter(Boolean).join(" ");
}

export interface ToolCall {
  readonly name: string;
  readonly args: string;
}

/** Tool calls of a message of the chat format. */
export function toolCalls(message: Record<string, unknown>): ToolCall[] {
  if (!Array.isArray(message.tool_calls)) return [];
  return message.tool_calls.filter(isRecord).map((call) => {
    const inner = isRecord(call.function) ? call.function : call;
    return { name: String(inner.name ?? "?"), args: argumentsText(parsed(inner.arguments)) };
  });
}

function parsed(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function argumentsText(value: unknown): string {
  if (!isRecord(value)) return jsonText(value);
  return Object.entries(value)
    .map(([name, one]) => `${name}: ${jsonText(one)}`)
    .join(", ");
}

/** JSON on one line; nothing for null. */
export function jsonText(value: unknown): string {
  return value === null || value === undefined ? "" : JSON.stringify(value);
}

function clip(text: string): string {
  const line = text
    .slice(0, LONGEST * 2)
    .replace(/\s+/g, " ")
    .trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}
