"""The report of a verification, format `forkpoint.verification/1`, and how it joins a diff report.

A word of the tier `verified` replaces the one that structure or content gave; numbers of other
tiers are never mixed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from forkpoint.diff.budget import Spent
from forkpoint.diff.counterfactual import Root
from forkpoint.diff.rates import VERIFIED, Arm, Stop
from forkpoint.diff.verify import BUDGET, NO_EXECUTOR, Verification

FORMAT = "forkpoint.verification/1"
NOT_REVERTIBLE = "not_revertible"
NO_ANSWER = "no_answer"
_MISSING = {
    "needs_tool_output": NO_EXECUTOR,
    "new_tool_call": NO_EXECUTOR,
    "loop_not_standard": NO_EXECUTOR,
    "entrypoint_missing": NO_EXECUTOR,
    "payload_withheld": "withheld",
    "not_clean": "not_clean",
    "codec_mismatch": "codec_mismatch",
    "deadline": "timeout",
}
"""Codes of replays that stopped, as reasons of what a report lacks."""


def to_json(found: Verification, roots: Sequence[Root]) -> dict[str, object]:
    """What the replays have shown, as JSON values."""
    return {
        "format": FORMAT,
        "stopped": found.stopped,
        "pending": found.pending,
        "keep": found.keep.to_json(found.z),
        "noise": found.noise.to_json(found.z),
        "roots": [_root(found, root) for root in roots],
        "joint": [root.key for root in roots if root.row in found.joint],
        "deterministic": found.keep.is_served and all(a.is_served for a in found.arms.values()),
        "sessions": found.sessions,
        "spent": found.spent,
        "samplesNeeded": found.needed,
        "missing": _missing(found),
    }


def used(spent: Spent) -> dict[str, object]:
    """What the replays took, as the report has it."""
    return {
        "sessions": spent.sessions,
        "spent": {
            "calls": spent.calls,
            "tokens": spent.tokens,
            "costMicros": spent.cost_micro_usd,
        },
        "seconds": round(spent.wall_s, 1),
    }


def _root(found: Verification, root: Root) -> dict[str, object]:
    arm, applied = found.arms.get(root.row), found.applied.get(root.row)
    again = found.again.get(root.row, ())
    return {
        "row": root.row,
        "key": root.key,
        "name": root.name,
        "word": found.words.get(root.row, NOT_REVERTIBLE),
        "revert": None if arm is None else arm.to_json(found.z),
        "apply": None if applied is None else applied.to_json(found.z),
        "again": {"n": len(again), "asB": sum(again)} if again else None,
    }


def _missing(found: Verification) -> list[dict[str, object]]:
    """What replays could not show, and why: each call they stopped at once."""
    if found.stopped == NO_EXECUTOR:
        return [{"section": "verification", "reason": NO_EXECUTOR, "retry": False}]
    arms: list[Arm] = [found.ends, found.keep, found.noise]
    arms += [*found.arms.values(), *found.applied.values()]
    stops = sorted(
        {stop for arm in arms for stop in arm.stops}, key=lambda stop: tuple(map(str, stop))
    )
    missing = [_stopped_at(stop) for stop in stops]
    if found.stopped == BUDGET:
        missing.append({"section": "verification", "reason": BUDGET, "retry": True})
    return missing


def _stopped_at(stop: Stop) -> dict[str, object]:
    reason = BUDGET if stop.code.startswith("budget_") else _MISSING.get(stop.code, NO_ANSWER)
    said: dict[str, object] = {"section": "verification", "reason": reason, "code": stop.code}
    step = {} if stop.key is None else {"step": stop.key}
    return {**said, **step, "retry": True}


def with_verification(
    report: Mapping[str, object], verification: Mapping[str, object]
) -> dict[str, object]:
    """A diff report with the words of a verification of the same two runs.

    Whether a root could be sampling is said by A's replays where they made its call again: B's
    answer came or did not. Where they did not, it stays what it was.

    A root whose replays decided nothing keeps its word and tier beside `undetermined`, as does one
    that cannot be reverted: `verification` on the root says so.
    """
    judged = {
        cast("int", root["row"]): root
        for root in cast("Sequence[Mapping[str, object]]", verification["roots"])
    }
    keep = verification["keep"]
    roots = [
        _judged(root, judged.get(cast("int", root["row"])), keep)
        for root in cast("Sequence[Mapping[str, object]]", report["roots"])
    ]
    words = {root["word"] for root in roots}
    joint = list(cast("Sequence[str]", verification["joint"]))
    proved = VERIFIED in words or bool(joint)
    spent = cast("Mapping[str, int]", verification["spent"])
    return {
        **report,
        "attribution": VERIFIED if proved else report["attribution"],
        "roots": roots,
        "joint": joint,
        "missing": [
            *cast("Sequence[object]", report["missing"]),
            *cast("Sequence[object]", verification.get("missing", ())),
        ],
        "spent": {"sessions": verification["sessions"], **spent},
    }


def _judged(
    root: Mapping[str, object], judged: Mapping[str, object] | None, keep: object
) -> dict[str, object]:
    if judged is None:
        return dict(root)
    again = cast("Mapping[str, int] | None", judged.get("again"))
    sampling = bool(root["couldBeSampling"]) if again is None else again["asB"] > 0
    root = {**root, "couldBeSampling": sampling, **({} if again is None else {"again": again})}
    if judged["word"] == NOT_REVERTIBLE or judged["revert"] is None:
        return {**root, "verification": judged["word"]}
    applied = judged.get("apply")
    return {
        **root,
        "word": judged["word"],
        "tier": "verified",
        "revert": judged["revert"],
        "keep": keep,
        **({} if applied is None else {"apply": applied}),
    }
