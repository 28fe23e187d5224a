/** Why something recorded cannot be read, in words. Pure. */

export type RefusedState = "PENDING" | "AT_RISK" | "WITHHELD" | "FAILED";

const WHY: Record<string, string> = {
  hook_error: "A redaction hook of the agent failed on it.",
  hook_timeout: "A redaction hook of the agent took too long.",
  engine_missing: "The redaction engine was not there.",
  key_missing: "The redaction key was not there.",
  overload: "The recorder had no room for it at that moment.",
  too_large: "It is larger than the recorder may keep.",
  changed: "It was written to before it had been read.",
  unserialisable: "It cannot be written as a value.",
  policy: "A policy of the project keeps it out.",
  operator: "An operator withheld it.",
  expired: "It was at risk for seven days and nobody released it.",
  scan_error: "The check on the server failed.",
  scan_timeout: "The check on the server took too long.",
  limit_depth: "It is nested too deeply to be checked.",
  limit_size: "It is too long to have seen every rule.",
  unknown_ruleset: "It was redacted under rules this server does not know.",
  decode_failed: "It could not be decoded.",
  quarantined: "It is in quarantine.",
};

const STATE: Record<RefusedState, (what: string) => string> = {
  PENDING: (what) => `This ${what} is being checked. It can be read once that is done.`,
  AT_RISK: (what) => `This ${what} is not shown: its redaction could not be proven.`,
  WITHHELD: (what) => `This ${what} was withheld before it was stored; there is nothing to show.`,
  FAILED: (what) => `This ${what} could not be stored.`,
};

/** A sentence for the state and its reason, and what can be done about it. */
export function refusedWords(
  state: RefusedState,
  reason: string | null,
  what: string,
): { readonly sentence: string; readonly way: string | null } {
  const why = WHY[reason ?? ""];
  return {
    sentence: why ? `${STATE[state](what)} ${why}` : STATE[state](what),
    way: state === "AT_RISK" ? "Whoever holds the scope override may release it." : null,
  };
}
