"""The part of a recording that a fork has in common with it: everything before an event. Pure.

A service stores of such a fork only what comes after. Steps that were over by then keep the ids
they have in the recording, and so do those that were open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from forkpoint.events.model import Event, Gap, Note, StepEnded, StepStarted

LEAST = 200
"""Events from which it is worth while; a shorter part is written again."""
MOST_OPEN = 1_000
"""Steps that may be open where it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """Events of a recording with `seq` < `until`."""

    until: int
    writers: dict[int, int]
    """How many events there are of each writer."""
    started: frozenset[str]
    """Ids of the steps that begin in it."""
    own: tuple[tuple[int, Event], ...]
    """Events that the fork writes nevertheless: starts of steps that are open at its end, and notes
    with payload on these and on the run."""


def prefix_of(events: Sequence[tuple[int, Event]], until: int) -> Prefix | None:
    """What stands before `until`; None where it cannot be shared, or is not worth it.

    It cannot where something after it speaks of a step that was over before, or where events are
    missing in it.
    """
    if until < LEAST or len(events) < until:
        return None
    writers, started, over = Counter[int](), dict[str, StepStarted](), set[str]()
    for place, (seq, event) in enumerate(events[:until]):
        if seq != place or isinstance(event, Gap) or event.sequence_no != writers[event.writer]:
            return None
        writers[event.writer] += 1
        if isinstance(event, StepStarted):
            started[event.step_id] = event
        elif isinstance(event, StepEnded):
            over.add(event.step_id)
    if len(started) - len(over) > MOST_OPEN or any(_of(each) & over for _, each in events[until:]):
        return None
    own = tuple((seq, event) for seq, event in events[:until] if _is_own(event, over))
    return Prefix(until=until, writers=dict(writers), started=frozenset(started), own=own)


def _of(event: Event) -> set[str | None]:
    """The steps that an event speaks of."""
    if isinstance(event, StepStarted):
        return {event.parent_id}
    return set() if isinstance(event, Gap) else {event.step_id}


def _is_own(event: Event, over: set[str]) -> bool:
    if isinstance(event, Note):
        return bool(event.artifacts) and event.step_id not in over
    return isinstance(event, StepStarted) and event.step_id not in over
