"""Finding the recorded step of a call: by its place in the program, then by what it asks.

A cursor per scope, not the number in the key: after one inserted call every number is off by one,
and among equal calls the neighbour would be served. Every line is O(1) amortised.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

import msgspec

from forkpoint.events.kinds import Match
from forkpoint.replay.identity import parent_scope, shortened, spawner_of
from forkpoint.replay.index import ALONE, Index
from forkpoint.replay.recording import Recording, StepType

WINDOW = 64
"""How far from the cursor a step may stand to count as shifted."""
NOWHERE = ""
"""The recorded scope of calls inside a call that was not recorded."""

Deviation = Literal["shifted", "moved", "input_changed", "extra_call"]


class Found(msgspec.Struct, frozen=True):
    """What the recording holds for a call. Nothing is consumed yet."""

    place: int | None
    """The step to serve; None for a changed input or an extra call."""
    match: Match
    scope: str
    """The recorded scope searched."""
    deviation: Deviation | None = None
    expected: int | None = None
    """The step at the cursor, where it is not the one found."""
    contended: bool = False


class Matcher:
    """Consumes the steps of one recording, each once."""

    def __init__(self, recording: Recording, index: Index) -> None:
        self._recording = recording
        self._index = index
        self.used = bytearray(len(recording))
        self.changed: set[int] = set()
        """Steps passed over because a call of their place asked something else."""
        self.count = 0
        """Steps consumed, elided ones included."""
        self._settled: list[int] = []
        self._cursor: dict[str, int] = {}
        self._alias: dict[str, str] = {}
        self._claims: dict[str, str] = {}

    def find(self, scope: str, kind: StepType, signature: str | None) -> Found:
        """The recorded step of a call, by rows 1 to 6 of the replay guide."""
        within = self.recorded(scope)
        at = self.at_cursor(within)
        if at is not None and self._recording.types[at] == kind:
            recorded = self._recording.started[at].signature
            if recorded == signature:
                return Found(at, Match.POSITION if signature is None else Match.EXACT, within)
        if signature is not None:
            found = self._elsewhere(scope, within, at, kind, signature)
            if found is not None:
                return found
        if at is not None and self._recording.types[at] == kind:
            return Found(None, Match.NONE, within, "input_changed", at)
        return Found(None, Match.NONE, within, "extra_call", at)

    def find_scope(self, scope: str, kind: StepType, signature: str | None) -> Found:
        """As `find` for a call that is entered, not served: its input need not be equal."""
        found = self.find(scope, kind, signature)
        if found.deviation == "input_changed":
            return Found(found.expected, Match.POSITION, found.scope)
        if found.deviation != "extra_call":
            return found
        places = self._index.slots.get(found.scope, ())
        start = self._cursor.get(found.scope, 0)
        for place in places[start : start + WINDOW]:
            if not self.used[place] and self._recording.types[place] == kind:
                return Found(place, Match.SHIFTED, found.scope, "shifted", found.expected)
        return found

    def at_cursor(self, scope: str) -> int | None:
        """The next unused step of a recorded scope."""
        places = self._index.slots.get(scope)
        if places is None:
            return None
        cursor = self._cursor.get(scope, 0)
        while cursor < len(places) and self.used[places[cursor]]:
            cursor += 1
        self._cursor[scope] = cursor
        return places[cursor] if cursor < len(places) else None

    def consume(self, scope: str, found: Found) -> None:
        """Use up the step found for a call of `scope`."""
        place = found.place
        if place is None:
            return
        self.used[place] = 1
        self.count += 1
        self._settled.append(place)
        within = self._recording.scopes[place]
        if within != found.scope:
            return
        if within not in self._claims:
            self._claims[within] = scope
            self._alias[scope] = within
        if not found.contended:
            self._cursor[within] = self._index.slot[place] + 1

    def borrow(self, place: int) -> None:
        """Use up a step of any scope to answer a call of another."""
        self.used[place] = 1
        self.count += 1
        self._settled.append(place)

    def pass_over(self, found: Found) -> None:
        """Move on after a call that asked something else than the step at its place."""
        if found.deviation == "input_changed" and found.expected is not None:
            self.changed.add(found.expected)
            self._settled.append(found.expected)
            self._cursor[found.scope] = self._index.slot[found.expected] + 1

    def enter(self, key: str, place: int | None) -> None:
        """Calls inside the step `key` are those recorded inside the step at `place`."""
        recorded = NOWHERE if place is None else shortened(self._recording.started[place].key)
        self._alias[shortened(key)] = recorded

    def elide(self, place: int) -> int:
        """Use up all steps below one that is served whole; how many there were."""
        waiting = deque(self._index.inner.get(place, ()))
        elided = 0
        while waiting:
            below = waiting.popleft()
            waiting.extend(self._index.inner.get(below, ()))
            if not self.used[below]:
                self.used[below] = 1
                self._settled.append(below)
                elided += 1
        self.count += elided
        return elided

    def take_settled(self) -> list[int]:
        """Steps that were used up or passed over since the last time this was asked."""
        settled, self._settled = self._settled, []
        return settled

    def jumped(self, found: Found) -> list[int]:
        """Unused steps between the cursor and the step found."""
        if found.place is None or found.match is not Match.SHIFTED:
            return []
        places = self._index.slots[found.scope]
        start, end = self._cursor.get(found.scope, 0), self._index.slot[found.place]
        return [place for place in places[start:end] if not self.used[place]]

    def unused(self) -> list[int]:
        """Steps nobody asked for, in order; those with a changed input are not among them."""
        return [
            place for place, used in enumerate(self.used) if not used and place not in self.changed
        ]

    def _elsewhere(
        self, scope: str, within: str, at: int | None, kind: StepType, signature: str
    ) -> Found | None:
        waiting = self._index.by_signature.get((within, kind, signature))
        if waiting:
            found = self._beside(within, at, waiting)
            if found is not None:
                return found
        if within in self._claims:
            return None
        spawner = spawner_of(scope)
        if spawner is None or "#" in scope.rpartition("/")[2]:
            return None
        return self._moved(spawner, within, kind, signature)

    def _beside(self, within: str, at: int | None, waiting: deque[int]) -> Found | None:
        """An equal call near the cursor: beside it when calls raced, else shifted."""
        while waiting and self.used[waiting[0]]:
            waiting.popleft()
        cursor = self._cursor.get(within, 0)
        group = ALONE if at is None else self._index.group[at]
        for place in waiting:
            if self.used[place]:
                continue
            if group != ALONE and self._index.group[place] == group:
                return Found(place, Match.EXACT, within, contended=True)
            if abs(self._index.slot[place] - cursor) <= WINDOW:
                return Found(place, Match.SHIFTED, within, "shifted", at)
            if self._index.slot[place] > cursor:
                return None
        return None

    def _moved(self, spawner: str, within: str, kind: StepType, signature: str) -> Found | None:
        """The first unclaimed strand of the same spawner that began with an equal call."""
        recorded = self.recorded(spawner)
        strands = self._index.by_first.get((shortened(recorded), kind, signature))
        while strands and strands[0] in self._claims:
            strands.popleft()
        if not strands:
            return None
        first = self._index.slots[strands[0]][0]
        if self.used[first]:
            return None
        return Found(first, Match.MOVED, strands[0], "moved", self.at_cursor(within))

    def recorded(self, scope: str) -> str:
        """The recorded scope that stands for a scope of this run."""
        known = self._alias.get(scope)
        if known is not None:
            return known
        if scope in self._index.slots and self._claims.get(scope, scope) == scope:
            parent = parent_scope(scope)
            if parent is None or self._alias.get(parent, parent) == parent:
                return scope
        return self._renamed(scope)

    def _renamed(self, scope: str) -> str:
        parent = parent_scope(scope)
        if parent is None:
            return scope
        recorded = self.recorded(parent)
        if recorded == NOWHERE:
            return NOWHERE
        named = shortened(recorded) + scope[len(parent) :]
        return named if self._claims.get(named, scope) == scope else NOWHERE
