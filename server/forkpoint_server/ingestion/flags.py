"""Flags of a step, one bit each, as columns carry them (`SkeletonChunk.flags`)."""

from __future__ import annotations

from enum import IntFlag

from forkpoint.events.kinds import ArtifactState, Mode
from forkpoint.events.model import ArtifactRef, ReplayInfo

MODE_SHIFT = 8
"""Bits 8 to 10 hold the mode + 1; 0 is a recorded step."""

_MODES = {mode: index for index, mode in enumerate(Mode, start=1)}


class StepFlag(IntFlag):
    """One bit a fact."""

    ERROR = 1 << 0
    RUNNING = 1 << 1
    EDITED = 1 << 2
    DIVERGED = 1 << 3
    REDACTED = 1 << 4
    WITHHELD = 1 << 5
    FILTERED = 1 << 6
    GAP = 1 << 7
    TAINTED = 1 << 11
    CLOCK_SUSPECT = 1 << 12
    """A clock of the sender cannot have been right; times are as sent."""
    ORPHAN = 1 << 13
    """It names a parent that was never recorded."""
    TRUNCATED = 1 << 14
    """Its sender dropped attributes, events or links."""
    SERVER_STATE = 1 << 15
    """Its answer depends on what the provider remembers of earlier calls."""


_WITHHELD = int(StepFlag.WITHHELD)


def of_replay(replay: ReplayInfo | None) -> int:
    """Bits that say how a replayed step came by its answer."""
    if replay is None:
        return 0
    flags = _MODES[replay.mode] << MODE_SHIFT
    flags |= StepFlag.EDITED if replay.edit is not None else 0
    flags |= StepFlag.DIVERGED if replay.divergence is not None else 0
    flags |= StepFlag.TAINTED if replay.taint else 0
    return int(flags)


def of_artifacts(refs: tuple[ArtifactRef, ...]) -> int:
    """The bit that says some payload of the step cannot be read."""
    for ref in refs:
        if ref.state is ArtifactState.WITHHELD:
            return _WITHHELD
    return 0
