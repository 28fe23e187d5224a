"""The closed list of words a replay ends with, in groups, and the exit code of each verdict."""

from __future__ import annotations

from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Verdict

DIVERGENCES = frozenset(
    [
        "input_changed",
        "extra_call",
        "missing_call",
        "shifted",
        "moved",
        "outcome_changed",
        "order_unproven",
        "output_schema",
    ]
)
"""Where a replay stops agreeing with its recording: verdict `diverged`."""
SOFT = frozenset(
    [
        "nondeterminism_drift",
        "gate_released",
        "scope_input",
        "contended",
        "unowned_call",
        "code_version",
        "baseline_unproven",
        "cut_snapped",
    ]
)
"""Worth saying, never a reason to fail."""
BREACHES = frozenset(["guard_network", "guard_subprocess", "uncaptured_call"])
"""Something left the process: always hard."""
STOPS = frozenset(
    [
        "end_of_recording",
        "payload_withheld",
        "outcome_unknown",
        "effect_refused",
        "intent_refused",
        "live_refused",
        "simulator_failed",
        "provider_error",
        "needs_tool_output",
        "new_tool_call",
        "loop_not_standard",
        "loop_limit",
        "loop_no_progress",
        "no_answer",
        "budget_calls",
        "budget_tokens",
        "budget_cost_usd",
        "budget_wall_s",
    ]
)
"""Policy or recording had no answer: verdict `partial`, all before is usable."""
INCOMPARABLE = frozenset(
    ["codec_mismatch", "redaction_key", "recording_incomplete", "not_clean", "entrypoint_missing"]
)
"""This recording cannot be replayed here at all: exit 125."""
FAILURES = frozenset(
    [
        "integrity_failed",
        "policy_invalid",
        "cut_invalid",
        "edit_invalid",
        "edit_conflict",
        "runner_lost",
        "deadline",
        "capture_blind",
        "internal",
    ]
)
"""The replay itself went wrong, or was asked for wrongly: exit 2, no verdict."""

EXITS = {
    Verdict.IDENTICAL: 0,
    Verdict.FORKED: 0,
    Verdict.DIVERGED: 1,
    Verdict.PARTIAL: 1,
    Verdict.INCOMPARABLE: 125,
}
FAILED_EXIT = 2
"""Failed, cancelled, wrongly used: there is no verdict."""


def verdict_of(code: str) -> Verdict | None:
    """The verdict a replay has that ended with this code; None where it has none (exit 2)."""
    if code in DIVERGENCES or code in BREACHES:
        return Verdict.DIVERGED
    if code in STOPS:
        return Verdict.PARTIAL
    if code in INCOMPARABLE:
        return Verdict.INCOMPARABLE
    return None


def exit_code(verdict: Verdict | None) -> int:
    """What `forkpoint replay` exits with."""
    return FAILED_EXIT if verdict is None else EXITS[verdict]


def error_exit(error: ReplayError) -> int:
    """What `forkpoint replay` exits with when a replay could not begin."""
    return exit_code(verdict_of(error.code))
