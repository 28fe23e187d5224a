"""Edits of the process a fork runs in, from the cut on: its environment and its clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from forkpoint.replay.cut import Cut
from forkpoint.replay.decide import Decider
from forkpoint.replay.edits import moment_ns
from forkpoint.replay.recording import Recording

_SECOND = 1_000_000_000


class HostEdits:
    """What holds now. Not thread-safe: the session holds a lock around it."""

    def __init__(self, decider: Decider, recording: Recording, cut: Cut | None) -> None:
        self._decider = decider
        self._environ: Mapping[str, str | None] = decider.reader.edits.environ
        self._cut_ns = 0 if cut is None else recording.started[cut.place].time_ns

    def take_environ(self) -> Mapping[str, str | None] | None:
        """What is to be set in the environment: once, as the run comes to the cut."""
        if not self._environ or not self._decider.reader.reached:
            return None
        environ, self._environ = self._environ, {}
        self._decider.interventions += 1
        return environ

    def shift_ns(self) -> int:
        """How far the clock has been moved by now."""
        clock = self._decider.reader.edits.clock
        if clock is None or not self._decider.reader.reached:
            return 0
        value = clock[1].value
        if isinstance(value, str):
            return (moment_ns(value) or self._cut_ns) - self._cut_ns
        return int(cast("float", value) * _SECOND)
