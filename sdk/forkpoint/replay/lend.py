"""Lending answers: an equal call made elsewhere in the recording may answer this one."""

from __future__ import annotations

from collections.abc import Callable

from forkpoint.replay.answers import readable
from forkpoint.replay.asked import Asked
from forkpoint.replay.index import Index
from forkpoint.replay.recording import Recording, StepType
from forkpoint.replay.rules import Treatment
from forkpoint.replay.spend import NANOSECONDS


class Lender:
    """Finds answers by type and signature alone, under the conditions of mode `cached`."""

    def __init__(self, recording: Recording, index: Index, now: Callable[[], int]) -> None:
        self._recording = recording
        self._index = index
        self._now = now
        self._start: dict[tuple[StepType, str], int] = {}
        """Where the unused ones begin among equal steps."""

    def find(self, asked: Asked, used: bytearray) -> int | None:
        """The step whose answer this call may have; with `reuse: once` one nobody had yet."""
        if asked.signature is None:
            return None
        wanted = (asked.kind, asked.signature)
        places = self._index.anywhere.get(wanted, ())
        once = asked.treatment.reuse == "once"
        for number in range(self._start.get(wanted, 0) if once else 0, len(places)):
            place = places[number]
            if once and used[place]:
                if number == self._start.get(wanted, 0):
                    self._start[wanted] = number + 1
            elif self._may_lend(asked.treatment, place):
                return place
        return None

    def _may_lend(self, treatment: Treatment, place: int) -> bool:
        ended = self._recording.ended[place]
        if ended is None:
            return False
        if ended.status != "ok" and not (treatment.allow_errors and ended.status == "error"):
            return False
        if treatment.ttl_s is not None:
            age = self._now() - self._recording.started[place].time_ns
            if age > treatment.ttl_s * NANOSECONDS:
                return False
        return readable(self._recording, place)
