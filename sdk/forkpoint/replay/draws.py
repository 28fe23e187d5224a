"""Values that user code drew: time, random numbers, identifiers. A replay hands them out again.

Recorded in notes named `draws`, one scope each, as `{source: [value, ...]}`. Sources are closed:
see `SOURCES`. Where more is drawn than was recorded, times go on from the last value and the rest
comes out of a generator seeded by the scope, so that two replays still draw the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from forkpoint.content.blocks import digest_from_text
from forkpoint.content.decode import decode
from forkpoint.content.errors import ContentError
from forkpoint.events.model import Note
from forkpoint.replay.findings import Divergence, Findings
from forkpoint.replay.identity import DRAWS
from forkpoint.replay.recording import Recording, reference

TIMES = ("time", "monotonic", "perf_counter")
"""Integer nanoseconds."""
RANDOM, BITS, BYTES, SLEEP = "random", "bits", "bytes", "sleep"
SOURCES = (*TIMES, RANDOM, BITS, BYTES, SLEEP)
STEP_NS = 1_000_000
"""How far a clock moves with each value drawn beyond the recording."""
DRIFT = "nondeterminism_drift"
LIMIT = 10_000
"""Draws of one source kept for a scope."""

Draws = Mapping[str, Mapping[str, Sequence[object]]]
"""Scope -> source -> values."""


def recorded_draws(recording: Recording) -> dict[str, dict[str, list[object]]]:
    """All draws of a recording; those that were withheld or masked are not among them."""
    found: dict[str, dict[str, list[object]]] = {}
    for note in recording.notes:
        if note.name == DRAWS:
            scope = found.setdefault(note.strand or "", {})
            for source, values in _of(recording, note).items():
                scope.setdefault(source, []).extend(values)
    return found


def _of(recording: Recording, note: Note) -> Mapping[str, Sequence[object]]:
    ref = reference(note.artifacts, DRAWS)
    if ref is None or ref.root is None:
        return {}
    try:
        value = decode(digest_from_text(ref.root), recording.get)
    except ContentError:  # the values are then made anew, and the drift is said
        return {}
    return cast("Mapping[str, Sequence[object]]", value)


class Drawing:
    """Hands out the draws of one recording. Not thread-safe: the session holds a lock around it."""

    def __init__(self, recorded: Draws, *, since_ns: int) -> None:
        self.recorded = recorded
        self._since_ns = since_ns
        """What the clock says in scopes that never asked it."""
        self._next: dict[tuple[str, str], int] = {}
        self._generators: dict[tuple[str, str], random.Random] = {}
        self._clocks: dict[tuple[str, str], int] = {}

    def draw(self, scope: str, source: str, make: Callable[[random.Random], object]) -> _Drawn:
        """The next value of a source in a recorded scope; beyond the last one, a made one."""
        at = (scope, source)
        number = self._next.get(at, 0)
        self._next[at] = number + 1
        values = self.recorded.get(scope, {}).get(source, ())
        if number < len(values):
            return values[number], True
        if source in TIMES:
            return self._later(at, values), False
        generator = self._generators.get(at)
        if generator is None:
            generator = self._generators[at] = random.Random(f"{scope} {source}")
        return make(generator), False

    def left_over(self) -> list[tuple[str, str, int]]:
        """Scope, source and number of recorded draws nobody asked for."""
        return [
            (scope, source, len(values) - self._next.get((scope, source), 0))
            for scope, sources in self.recorded.items()
            for source, values in sources.items()
            if self._next.get((scope, source), 0) < len(values)
        ]

    def _later(self, at: tuple[str, str], values: Sequence[object]) -> int:
        last = self._clocks.get(at)
        if last is None:
            last = _last_time(values, self._since_ns if at[1] == "time" else 0)
        self._clocks[at] = last + STEP_NS
        return last + STEP_NS


_Drawn = tuple[object, bool]
"""A value, and whether it was recorded."""


def _last_time(values: Sequence[object], since_ns: int) -> int:
    last = values[-1] if values else since_ns
    return last if isinstance(last, int) else since_ns


class Watch:
    """The draws of one replay and their drift: soft, or a divergence where the policy is strict."""

    def __init__(self, recording: Recording, how: str, findings: Findings) -> None:
        self._drawing = Drawing(recorded_draws(recording), since_ns=recording.start.started_ns)
        self._on = how != "off" and bool(self._drawing.recorded)
        self._strict = how == "strict"
        self._findings = findings
        self._drifted: set[tuple[str, str]] = set()

    def draw(
        self, scope: str, source: str, make: Callable[[random.Random], object], *, free: bool
    ) -> object | None:
        """The next value for a recorded scope; None where draws are not replayed."""
        if not self._on:
            return None
        value, known = self._drawing.draw(scope, source, make)
        if not known and not free:
            self._drift(scope, source, "more was drawn than recorded")
        return value

    def close(self) -> None:
        """The run came to its end: what was recorded should have been drawn."""
        for scope, source, _count in self._drawing.left_over() if self._on else ():
            self._drift(scope, source, "less was drawn than recorded")

    def _drift(self, scope: str, source: str, what: str) -> None:
        if (scope, source) in self._drifted:
            return
        self._drifted.add((scope, source))
        self._findings.note(DRIFT, f"{scope} {source}")
        if self._strict:
            message = f"{source} in {scope}: {what}"
            self._findings.diverge(Divergence(reason=DRIFT, key=scope, message=message))
