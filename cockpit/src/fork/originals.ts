/** What the tabs of the composer begin with: values of the step that is cut at, and of its model step. */

import { bulkQuery } from "../graphql/bulk";
import { failureOf, isRecord } from "../graphql/failure";
import type { StepOf } from "../inspector/tabs";
import { type EditTab, holdsMore, type Original } from "./draft";

/** Bytes of a value that is edited as a whole; a larger one is patched. */
const MOST = 262_144;

const VALUE = `query EditedValue($run: ID!, $sequence: BigInt!, $role: String!, $most: Int!) {
  run(id: $run) { step(sequence: $sequence) { artifact(role: $role) { value(maxBytes: $most) } } }
}`;

interface Answer {
  readonly run: {
    readonly step: { readonly artifact: { readonly value: unknown } | null } | null;
  } | null;
}

const NOTHING: Original = { value: undefined, only: null };

/** Whatever the tab edits, of a step; throws for payload that cannot be read. */
export async function loadOriginal(
  run: string,
  tab: EditTab,
  step: StepOf,
  model: StepOf | null,
): Promise<Original> {
  switch (tab) {
    case "output":
      return value(run, step, "output");
    case "input":
      return step.kind === "MODEL" ? part(run, step, "messages") : parts(run, step);
    case "prompt":
      return systemText(await value(run, model, "input.system"));
    case "model":
      return { value: model?.model ?? "", only: null };
    case "params":
      return value(run, model, "input.params");
    case "tools":
      return value(run, model, "input.tools");
    case "insert":
      return { value: { part: listPart(step), items: [] }, only: null };
    case "drop":
      return { value: false, only: null };
    default:
      return NOTHING;
  }
}

/** The input part of a step that is most likely a list. */
function listPart(step: StepOf): string {
  const roles = step.artifacts.map(({ role }) => role);
  const found = ["messages", "subject", "state"].find((name) => roles.includes(`input.${name}`));
  return found ?? "messages";
}

async function part(run: string, step: StepOf, name: string): Promise<Original> {
  const found = await value(run, step, `input.${name}`);
  return found.only || found.value === undefined
    ? found
    : { value: { [name]: found.value }, only: null };
}

/** All input parts of a step under their names. */
async function parts(run: string, step: StepOf): Promise<Original> {
  const roles = step.artifacts.map(({ role }) => role).filter((role) => role.startsWith("input."));
  const found = await Promise.all(roles.map((role) => value(run, step, role)));
  if (found.some(({ only }) => only === "patch")) return { value: undefined, only: "patch" };
  const named = roles.map((role, at) => [role.slice("input.".length), found[at]?.value] as const);
  return { value: Object.fromEntries(named), only: null };
}

async function value(run: string, step: StepOf | null, role: string): Promise<Original> {
  if (!step?.artifacts.some((artifact) => artifact.role === role)) return NOTHING;
  const variables = { run, sequence: step.sequence, role, most: MOST };
  try {
    const answer = await bulkQuery<Answer>(VALUE, variables);
    const found = answer.run?.step?.artifact?.value;
    return holdsMore(found) ? { value: undefined, only: "patch" } : { value: found, only: null };
  } catch (error) {
    if (failureOf(error).code === "LIMIT_EXCEEDED") return { value: undefined, only: "patch" };
    throw error;
  }
}

/** The text of a system prompt: a string, or the content of its first message. */
function systemText(found: Original): Original {
  const { value: system } = found;
  const first: unknown = Array.isArray(system) ? system[0] : null;
  if (isRecord(first) && typeof first.content === "string")
    return { value: first.content, only: null };
  return typeof system === "string" || system === undefined ? found : { value: "", only: null };
}
