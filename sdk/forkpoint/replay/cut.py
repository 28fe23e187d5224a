"""Where a fork leaves its recording, and which steps lie before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Kind
from forkpoint.replay.identity import (
    is_key,
    number_of,
    parent_scope,
    scope_of,
    spawned_at,
    spawner_of,
)
from forkpoint.replay.index import Index
from forkpoint.replay.recording import Recording

Side = Literal["before", "after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Where a fork leaves its recording; `used` differs from `asked` where `asked` cannot hold."""

    asked: str
    """Call key."""
    used: str
    side: Side
    place: int
    """The step of `used`."""

    @property
    def snapped(self) -> bool:
        """Whether the cut had to move."""
        return self.asked != self.used


def find_cut(recording: Recording, at: str | int, side: Side) -> Cut:
    """The cut at a call key or step number; `ReplayError` `cut_invalid` if there is none."""
    place = recording.by_seq.get(at) if isinstance(at, int) else recording.by_key.get(at)
    if place is None:
        raise ReplayError(
            f"run {recording.start.run_id} has no step {at}; name a call key or step number of it",
            code="cut_invalid",
            at=at,
        )
    used = _opener(recording, place) if _group_is_open(recording, place) else place
    return Cut(
        asked=recording.started[place].key,
        used=recording.started[used].key,
        side=side,
        place=used,
    )


def past(recording: Recording, index: Index, cut: Cut) -> bytearray:
    """1 for every step before the cut: earlier on its strand, before the spawns that led to it,
    and on strands spawned there that had settled by then; 0 for the rest, which may change."""
    limits = _limits(recording, index, cut)
    before = bytearray(len(recording))
    settled: dict[str, bool] = {}
    reading = _Past(recording, index, limits, before, settled, recording.seqs[cut.place])
    for place in range(len(recording)):
        before[place] = reading.holds(place)
    if cut.side == "after":
        _mark_whole(index, cut.place, before)
    return before


def beside(recording: Recording, index: Index, cut: Cut) -> bytearray:
    """1 for every step that does not follow from the cut: the past, and what runs beside it on
    strands that were spawned before it."""
    limits = _limits(recording, index, cut)
    before = bytearray(len(recording))
    reading = _Past(recording, index, limits, before, {}, None)
    for place in range(len(recording)):
        before[place] = reading.holds(place)
    return before


class _Past:
    """Decides step by step, in order of starts: parents and spawners come first."""

    def __init__(
        self,
        recording: Recording,
        index: Index,
        limits: Mapping[str, int],
        before: bytearray,
        settled: dict[str, bool],
        cut_seq: int | None,
    ) -> None:
        self._recording = recording
        self._index = index
        self._limits = limits
        self._before = before
        self._settled = settled
        self._cut_seq = cut_seq

    def holds(self, place: int) -> bool:
        scope = self._recording.scopes[place]
        limit = self._limits.get(scope)
        if limit is not None:
            return number_of(self._recording.started[place].key) < limit
        return self._scope_holds(scope)

    def _scope_holds(self, scope: str) -> bool:
        known = self._settled.get(scope)
        if known is None:
            known = self._settled[scope] = self._decide(scope)
        return known

    def _decide(self, scope: str) -> bool:
        whole = self._index.longer.get(scope, scope)
        if is_key(whole):
            owner = self._recording.by_key.get(whole)
            return owner is not None and bool(self._before[owner])
        return self._spawned_before(whole) and self._over_before(scope)

    def _spawned_before(self, strand: str) -> bool:
        spawner = spawner_of(strand)
        if spawner is None:
            return False
        limit, count = self._limits.get(spawner), spawned_at(strand)
        if limit is None:
            return self._scope_holds(spawner)
        return True if count is None else count <= limit

    def _over_before(self, scope: str) -> bool:
        if self._cut_seq is None:
            return True
        for place in self._index.slots.get(scope, ()):
            end = self._recording.end_seqs[place]
            if end is None or end > self._cut_seq:
                return False
        return True


def _limits(recording: Recording, index: Index, cut: Cut) -> dict[str, int]:
    """For every scope around the cut: how many of its calls are past."""
    key = recording.started[cut.place].key
    inside, limit = scope_of(key), number_of(key) + (cut.side == "after")
    limits = {inside: limit}
    while True:
        whole = index.longer.get(inside, inside)
        outer = parent_scope(whole)
        if outer is None:
            return limits
        count = number_of(whole) if is_key(whole) else spawned_at(whole)
        limits[outer] = _ended_before(recording, index, outer, inside) if count is None else count
        inside = outer


def _ended_before(recording: Recording, index: Index, scope: str, strand: str) -> int:
    """Calls of a scope that were over when a strand named by the user made its first one."""
    first = recording.seqs[index.slots[strand][0]]
    ends = (recording.end_seqs[place] for place in index.slots.get(scope, ()))
    return sum(1 for end in ends if end is not None and end < first)


def _mark_whole(index: Index, place: int, before: bytearray) -> None:
    waiting = [place]
    while waiting:
        at = waiting.pop()
        before[at] = 1
        waiting.extend(index.inner.get(at, ()))


def _group_is_open(recording: Recording, place: int) -> bool:
    """Whether a sibling tool call of the same reply never got its result: providers refuse that."""
    if recording.types[place][0] is not Kind.TOOL:
        return False
    return any(
        recording.ended[other] is None for other in _siblings(recording, place) if other != place
    )


def _siblings(recording: Recording, place: int) -> list[int]:
    """The tool calls between the same two model calls of a scope."""
    scope = recording.scopes[place]
    group: list[int] = []
    for other, within in enumerate(recording.scopes):
        if within != scope:
            continue
        kind = recording.types[other][0]
        if kind is Kind.TOOL:
            group.append(other)
        elif kind is Kind.MODEL:
            if place in group:
                return group
            group = []
    return group if place in group else [place]


def _opener(recording: Recording, place: int) -> int:
    """The model step that asked for a tool call; the step itself where there is none."""
    for other in range(place - 1, -1, -1):
        same = recording.scopes[other] == recording.scopes[place]
        if same and recording.types[other][0] is Kind.MODEL:
            return other
    return place
