/** Codes of replays in words. Pure. */

import type { ReplayExecutor, ReplayState, Verdict } from "../graphql/generated/graphql";
import type { Tone } from "../ui/Chip";

export const VERDICT_WORDS: Record<Verdict, readonly [Tone, string]> = {
  IDENTICAL: ["ok", "every call matched and the output is equal"],
  FORKED: ["accent", "left its recording at the cut, as asked"],
  DIVERGED: ["warn", "stopped agreeing with its recording"],
  PARTIAL: ["warn", "ended before its recording did; all before is usable"],
  INCOMPARABLE: ["error", "cannot be compared with its recording"],
};

const OPEN: readonly ReplayState[] = ["QUEUED", "PREPARING", "RUNNING"];

export function isOpen(state: ReplayState): boolean {
  return OPEN.includes(state);
}

export const EXECUTOR_WORDS: Record<ReplayExecutor, string> = {
  VERIFY: "worker: check and re-emit",
  GRAPH: "worker: follow the edited data",
  SINGLE: "worker: ask one step again",
  LOOP: "worker: go on with the tool loop",
  HOST: "runner: execute the agent",
};

const REASONS: Record<string, string> = {
  input_changed: "the call asks something else than the recorded one",
  extra_call: "a call was made that the recording does not have",
  missing_call: "a recorded call was not made",
  shifted: "the call came out of its recorded order",
  moved: "the call was made in another strand",
  outcome_changed: "the run ended differently",
  order_unproven: "the recorded order could not be kept",
  output_schema: "the answer does not fit the schema",
  nondeterminism_drift: "clock or random values were drawn differently",
  gate_released: "the recorded order was waited for too long",
  scope_input: "a scope was entered with another input",
  contended: "equal calls were open at once",
  unowned_call: "a call came from a foreign thread",
  code_version: "the code is another version than the recorded",
  baseline_unproven: "no exact replay has proven the recording yet",
  cut_snapped: "the cut moved, so that no tool call stays open",
  guard_network: "the program tried to reach the network",
  guard_subprocess: "the program tried to start a process",
  uncaptured_call: "a call went past the recorder",
  end_of_recording: "the recording ends here",
  payload_withheld: "the recorded answer was withheld",
  outcome_unknown: "a recorded write was begun and never ended; it is not repeated",
  effect_refused: "a write was not allowed by the policy",
  intent_refused: "the same write was made before",
  live_refused: "a live call was not allowed by the policy",
  simulator_failed: "no simulated answer could be made",
  provider_error: "the provider answered with an error",
  needs_tool_output: "the model asked a tool that has no recorded answer for this",
  new_tool_call: "the model asked for a new tool call; nothing runs tools here",
  loop_not_standard: "the run is no standard tool-calling loop",
  loop_limit: "too many turns",
  loop_no_progress: "the same turn came five times",
  no_answer: "no recorded answer fits, and the policy allows no other",
  codec_mismatch: "it was recorded by another codec",
  redaction_key: "it was redacted under another key",
  recording_incomplete: "the recording has holes",
  not_clean: "some payload is not checked yet",
  entrypoint_missing: "no runner has this entry point",
  integrity_failed: "a stored value does not match its digest",
  policy_invalid: "the policy cannot be read",
  cut_invalid: "there is no such step to cut at",
  edit_invalid: "an edit cannot be read",
  edit_conflict: "two edits change the same place",
  executor_unfit: "this executor cannot do that",
  runner_lost: "the runner went away",
  deadline: "it took too long",
  capture_blind: "a library is not captured in the runner",
  internal: "something failed inside the service",
  cancelled: "somebody stopped it",
};

/** A reason code in words; budgets by their name, unknown codes as they are. */
export function reasonWords(code: string): string {
  const known = code.toLowerCase();
  const budget = /^budget_(.+)$/.exec(known);
  if (budget) return `the budget of ${budget[1]?.replaceAll("_", " ")} is used up`;
  return REASONS[known] ?? known.replaceAll("_", " ");
}

export const STATE_WORDS: Record<ReplayState, string> = {
  QUEUED: "queued",
  PREPARING: "preparing",
  RUNNING: "running",
  FINISHED: "finished",
  STOPPED: "stopped",
  FAILED: "failed",
  CANCELLED: "cancelled",
};
