/** The deltas of an opened pair, read from the engine's JSON. What does not fit is named, not guessed. */

import * as v from "valibot";

const hunks = v.array(v.tuple([v.picklist(["=", "-", "+"]), v.string()]));
const change = v.object({
  pointer: v.string(),
  op: v.picklist(["replace", "add", "remove"]),
  a: v.optional(v.unknown()),
  b: v.optional(v.unknown()),
  words: v.optional(hunks),
});
const changes = v.array(change);

const message = v.variant("op", [
  v.object({
    op: v.literal("same"),
    a: v.tuple([v.number(), v.number()]),
    b: v.tuple([v.number(), v.number()]),
  }),
  v.object({ op: v.literal("removed"), a: v.number(), message: v.unknown() }),
  v.object({ op: v.literal("added"), b: v.number(), message: v.unknown() }),
  v.object({ op: v.literal("moved"), a: v.number(), b: v.number(), message: v.unknown() }),
  v.object({
    op: v.literal("changed"),
    a: v.number(),
    b: v.number(),
    role: v.string(),
    words: hunks,
    changes,
  }),
]);

const output = v.variant("kind", [
  v.object({ kind: v.literal("text"), words: hunks, ratio: v.number() }),
  v.object({ kind: v.literal("json"), changes }),
  v.object({
    kind: v.literal("retrieval"),
    added: v.array(v.string()),
    removed: v.array(v.string()),
    moved: v.array(v.object({ id: v.string(), a: v.number(), b: v.number() })),
    rewritten: v.array(v.string()),
    rbo: v.number(),
    tau: v.nullable(v.number()),
  }),
  v.object({
    kind: v.literal("error"),
    a: v.optional(v.unknown()),
    b: v.optional(v.unknown()),
    changes,
  }),
]);

const delta = v.object({
  prompt: v.optional(
    v.object({ messages: v.optional(v.array(message)), system: v.optional(v.array(message)) }),
  ),
  parts: v.optional(v.record(v.string(), changes)),
  tools: v.optional(
    v.object({
      added: v.array(v.string()),
      removed: v.array(v.string()),
      changed: v.array(v.object({ name: v.string(), changes })),
    }),
  ),
  output: v.optional(output),
  missing: v.optional(v.array(v.object({ section: v.string(), reason: v.string() }))),
});

/** Status, model, latency, tokens and cost are left to the columns of both steps. */
export type Delta = v.InferOutput<typeof delta>;
export type MessageRow = v.InferOutput<typeof message>;
export type Change = v.InferOutput<typeof change>;
export type OutputDelta = v.InferOutput<typeof output>;
export type ToolsDelta = NonNullable<Delta["tools"]>;

/** A delta of a newer engine reads as far as it is understood, and names what is not. */
export function readDelta(value: unknown): Delta {
  const whole = v.safeParse(delta, value);
  if (whole.success) return whole.output;
  if (typeof value !== "object" || value === null) return unreadable("delta");
  const fields = Object.entries(value).map(([section, content]) => {
    const one = v.safeParse(delta, { [section]: content });
    return one.success ? one.output : unreadable(section);
  });
  const missing = fields.flatMap((field) => field.missing ?? []);
  return Object.assign({}, ...fields, missing.length ? { missing } : {});
}

function unreadable(section: string): Delta {
  return { missing: [{ section, reason: "codec_mismatch" }] };
}

/** Changes of a list of messages, without the equal ones. */
export function changedMessages(rows: readonly MessageRow[] | undefined): number {
  return rows?.filter(({ op }) => op !== "same").length ?? 0;
}

/** Changes of parameters, arguments and tools. */
export function changedParts({ parts = {}, tools }: Delta): number {
  const inParts = Object.values(parts).reduce((sum, found) => sum + found.length, 0);
  return inParts + (tools ? tools.added.length + tools.removed.length + tools.changed.length : 0);
}
