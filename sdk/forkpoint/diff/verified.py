"""The report of a verification, format `forkpoint.verification/1`, and how it joins a diff report.

A word of the tier `verified` replaces the one that structure or content gave; numbers of other
tiers are never mixed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from forkpoint.diff.counterfactual import Root
from forkpoint.diff.verify import VERIFIED, Verification

FORMAT = "forkpoint.verification/1"
NOT_REVERTIBLE = "not_revertible"


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
    }


def _root(found: Verification, root: Root) -> dict[str, object]:
    arm = found.arms.get(root.row)
    return {
        "row": root.row,
        "key": root.key,
        "name": root.name,
        "word": found.words.get(root.row, NOT_REVERTIBLE),
        "revert": None if arm is None else arm.to_json(found.z),
    }


def with_verification(
    report: Mapping[str, object], verification: Mapping[str, object]
) -> dict[str, object]:
    """A diff report with the words of a verification of the same two runs.

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
        "spent": {"sessions": verification["sessions"], **spent},
    }


def _judged(
    root: Mapping[str, object], judged: Mapping[str, object] | None, keep: object
) -> dict[str, object]:
    if judged is None:
        return dict(root)
    if judged["word"] == NOT_REVERTIBLE or judged["revert"] is None:
        return {**root, "verification": judged["word"]}
    decided = judged["word"] == VERIFIED
    return {
        **root,
        "word": judged["word"],
        "tier": "verified",
        "couldBeSampling": bool(root["couldBeSampling"]) and not decided,
        "revert": judged["revert"],
        "keep": keep,
    }
