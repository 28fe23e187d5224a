"""Where recorded steps can be found: by place in their scope, by signature, by strand."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from forkpoint.replay.identity import (
    is_key,
    number_of,
    parent_scope,
    shortened,
    spawner_of,
)
from forkpoint.replay.recording import Recording, StepType

SlotSignature = tuple[str, StepType, str]
"""Scope, type, signature."""
ALONE = -1
"""Contention group of a step that had its scope to itself."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Index:
    """Built once for a recording; the matcher empties the deques as it consumes steps.

    What only calls out of place need is made when the first of them comes: a replay that repeats
    its recording begins without it.
    """

    recording: Recording
    slots: Mapping[str, Sequence[int]]
    """Scope -> its steps by number."""
    slot: Sequence[int]
    """Step -> its place in `slots` of its scope."""
    group: Sequence[int]
    """Step -> contention group: neighbours of one group may swap places."""
    inner: Mapping[int, Sequence[int]]
    """Step -> the steps directly below it, on whatever strand."""
    by_first: Mapping[SlotSignature, deque[str]]
    """Spawner, type and signature of the first step -> strands."""
    longer: Mapping[str, str]
    """Shortened scope -> the key or strand it stands for."""

    @cached_property
    def by_signature(self) -> Mapping[SlotSignature, deque[int]]:
        """Scope, type and signature -> steps, by their place in the scope."""
        found: defaultdict[SlotSignature, deque[int]] = defaultdict(deque)
        types, started = self.recording.types, self.recording.started
        for scope, places in self.slots.items():
            for place in places:
                signature = started[place].signature
                if signature is not None:
                    found[scope, types[place], signature].append(place)
        return found

    @cached_property
    def anywhere(self) -> Mapping[tuple[StepType, str], Sequence[int]]:
        """Type and signature -> steps of the whole run, in order."""
        found: defaultdict[tuple[StepType, str], list[int]] = defaultdict(list)
        for place, step in enumerate(self.recording.started):
            if step.signature is not None:
                found[self.recording.types[place], step.signature].append(place)
        return found


def build(recording: Recording) -> Index:
    """The index of a recording, O(steps)."""
    slots = _slots(recording)
    longer = _longer(recording)
    slot = [0] * len(recording)
    for places in slots.values():
        for number, place in enumerate(places):
            slot[place] = number
    return Index(
        recording=recording,
        slots=slots,
        slot=slot,
        group=_groups(recording, slots),
        inner=_inner(recording, longer),
        by_first=_first_steps(recording, slots, longer),
        longer=longer,
    )


def _longer(recording: Recording) -> dict[str, str]:
    found: dict[str, str] = {}
    for step in recording.started:
        for whole in (step.key, step.strand):
            short = shortened(whole)
            if short != whole:
                found[short] = whole
    return found


def _slots(recording: Recording) -> dict[str, list[int]]:
    slots: defaultdict[str, list[int]] = defaultdict(list)
    for place, scope in enumerate(recording.scopes):
        slots[scope].append(place)
    for places in slots.values():
        places.sort(key=lambda place: number_of(recording.started[place].key))
    return dict(slots)


def _groups(recording: Recording, slots: Mapping[str, Sequence[int]]) -> list[int]:
    """Number the groups of calls that were open at once in one scope.

    Only the later ones of such calls are flagged at their start, so the open one before joins them.
    """
    group = [ALONE] * len(recording)
    count = 0
    for places in slots.values():
        before: int | None = None
        for place in places:
            if recording.started[place].contended and before is not None:
                if group[before] == ALONE:
                    group[before] = count
                    count += 1
                group[place] = group[before]
            before = place
    return group


def _inner(recording: Recording, longer: Mapping[str, str]) -> dict[int, list[int]]:
    inner: defaultdict[int, list[int]] = defaultdict(list)
    owners: dict[str, int | None] = {}
    for place, scope in enumerate(recording.scopes):
        if scope not in owners:
            owners[scope] = _owner(scope, recording, longer)
        owner = owners[scope]
        if owner is not None:
            inner[owner].append(place)
    return dict(inner)


def _owner(scope: str, recording: Recording, longer: Mapping[str, str]) -> int | None:
    """The innermost step open around a scope."""
    at: str | None = longer.get(scope, scope)
    while at is not None and not is_key(at):
        at = parent_scope(at)
        at = longer.get(at, at) if at is not None else None
    return None if at is None else recording.by_key.get(at)


def _first_steps(
    recording: Recording, slots: Mapping[str, Sequence[int]], longer: Mapping[str, str]
) -> dict[SlotSignature, deque[str]]:
    found: defaultdict[SlotSignature, deque[str]] = defaultdict(deque)
    for scope, places in slots.items():
        first, whole = places[0], longer.get(scope, scope)
        spawner = None if is_key(whole) else spawner_of(whole)
        signature = recording.started[first].signature
        if spawner is not None and signature is not None:
            found[spawner, recording.types[first], signature].append(scope)
    return dict(found)
