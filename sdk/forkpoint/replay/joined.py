"""Processes that replay one run together: each answers its own strands, one comes to the verdict.

A process that joined tells what it used up and where it parted, as JSON objects; the process that
began the run takes them in before it concludes. The order between processes follows from what is
served, so points of strands that run elsewhere are nobody's turn.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import cast

import msgspec

from forkpoint.errors import ReplayError
from forkpoint.replay.findings import Divergence
from forkpoint.replay.identity import shortened
from forkpoint.replay.match import Matcher
from forkpoint.replay.recording import Recording

Told = Mapping[str, object]
Tell = Callable[[Told], None]


def used(places: Collection[int], *, changed: bool) -> Told:
    """That steps were used up, and whether an answer was none of the recording's."""
    return {"used": list(places), "changed": changed}


def parted(divergence: Divergence) -> Told:
    """That the run and its recording part."""
    return {"parted": msgspec.to_builtins(divergence)}


def stopped(error: ReplayError, key: str) -> Told:
    """That the policy or the recording had no answer."""
    return {"stopped": {"code": error.code, "message": error.message, "key": key}}


def elsewhere(recording: Recording, strand: str) -> list[int]:
    """The steps of a strand and of all that was spawned in it."""
    short = shortened(strand)
    inner = (f"{short}/", f"{short}#")
    return [
        place
        for place, step in enumerate(recording.started)
        if step.strand == strand or step.key.startswith(inner)
    ]


class Taken:
    """What other processes told, taken into the state of this one."""

    def __init__(self, told: Iterable[Told], matcher: Matcher) -> None:
        self.divergences: list[Divergence] = []
        self.stop: tuple[ReplayError, str] | None = None
        self.changes = 0
        for one in told:
            self._take(one, matcher)

    def _take(self, one: Told, matcher: Matcher) -> None:
        if "used" in one:
            for place in cast("list[int]", one["used"]):
                if not matcher.used[place]:
                    matcher.borrow(place)
            self.changes += bool(one["changed"])
        elif "parted" in one:
            self.divergences.append(msgspec.convert(one["parted"], Divergence))
        elif self.stop is None:
            stop = cast("Mapping[str, str]", one["stopped"])
            self.stop = ReplayError(stop["message"], code=stop["code"]), stop["key"]
