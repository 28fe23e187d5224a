"""The order of a run: which events are next, which wait, which are here already. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from forkpoint.events.model import Gap

from forkpoint_server.ingestion.incoming import CONFLICT, Incoming, Rejected

HELD_LIMIT = 10_000
"""Events of one run that may wait for predecessors at a time."""

Place = tuple[int, int]
"""Writer and sequence_no."""


@dataclass(slots=True, kw_only=True)
class Order:
    """One run while a batch is put in order; start it with what is stored.

    `ready` are the events that get the next `seq`s, in this order; `held` those that wait.
    """

    next: dict[int, int]
    """Sequence number that is expected next, by writer."""
    finished: bool = False
    stored: Mapping[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    """Digest by event id, of events of this batch that are stored already."""
    waiting: dict[Place, Incoming] = field(default_factory=dict[Place, Incoming])
    """Events that were held before this batch, and those it adds."""
    ready: list[Incoming] = field(default_factory=list[Incoming])
    released: list[Place] = field(default_factory=list[Place])
    """Places that waited before this batch and are ready now."""
    held: list[Incoming] = field(default_factory=list[Incoming])
    duplicates: int = 0
    rejected: list[Rejected] = field(default_factory=list[Rejected])
    _seen: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    _before: frozenset[Place] | None = None
    """Places that waited before anything was taken."""

    def take(self, events: Iterable[Incoming]) -> None:
        """Put events in order, each as if it had come alone; said again, it goes on."""
        if self._before is None:
            self._before = frozenset(self.waiting)
        for event in events:
            self._take(event)
        waiting = self.waiting.keys()
        self.released = sorted(self._before - waiting)
        self.held = [self.waiting[place] for place in sorted(waiting - self._before)]

    def fill(self, gaps: Sequence[Incoming]) -> None:
        """Put server-made gaps in order; each releases what waited behind it."""
        before = set(self.waiting)
        for gap in gaps:
            self._append(gap)
        self.released = sorted({*self.released, *(before - self.waiting.keys())})

    def _take(self, event: Incoming) -> None:
        known = self.stored.get(event.id) or self._seen.get(event.id)
        if known is not None:
            self._again(event, same=known == event.digest)
            return
        place = (event.event.writer, event.event.sequence_no)
        other = self.waiting.get(place)
        expected = self.next.get(place[0], 0)
        if other is not None:
            self._again(event, same=(other.id, other.digest) == (event.id, event.digest))
        elif self.finished:
            self._reject(event, "run_finished", "the run is finished; nothing can be added")
        elif place[1] < expected:
            self._reject(
                event, "sequence_taken", "another event or a gap has this sequence_no of the writer"
            )
        elif begins(event) <= expected:
            self._append(event)
        elif len(self.waiting) >= HELD_LIMIT:
            self._reject(event, "held_full", f"{HELD_LIMIT} events wait already; send older ones")
        else:
            self._seen[event.id] = event.digest
            self.waiting[place] = event

    def _append(self, event: Incoming) -> None:
        """Add an event that is next, and all that waited for it."""
        writer = event.event.writer
        following: Incoming | None = event
        while following is not None:
            self._seen[following.id] = following.digest
            self.ready.append(following)
            self.next[writer] = after(following)
            following = self._next_waiting(writer)

    def _next_waiting(self, writer: int) -> Incoming | None:
        if not self.waiting:
            return None
        following = self.waiting.pop((writer, self.next[writer]), None)
        if following is not None:
            return following
        reaching = (
            place
            for place, event in self.waiting.items()
            if place[0] == writer
            and isinstance(event.event, Gap)
            and begins(event) <= self.next[writer]
        )
        place = min(reaching, default=None)
        return None if place is None else self.waiting.pop(place)

    def _again(self, event: Incoming, *, same: bool) -> None:
        if same:
            self.duplicates += 1
        else:
            self._reject(event, CONFLICT, "another event with this id is stored; it stays")

    def _reject(self, event: Incoming, code: str, message: str) -> None:
        self.rejected.append(
            Rejected(index=event.index, id=event.id.hex(), code=code, message=message)
        )


def begins(event: Incoming) -> int:
    """The first sequence number an event accounts for: a gap may reach back."""
    inner = event.event
    return min(inner.first, inner.sequence_no) if isinstance(inner, Gap) else inner.sequence_no


def after(event: Incoming) -> int:
    """The sequence number that follows an event, or the range a gap stands for."""
    inner = event.event
    last = max(inner.last, inner.sequence_no) if isinstance(inner, Gap) else inner.sequence_no
    return last + 1


def holes(order: Order, *, expected: Mapping[int, int]) -> list[tuple[int, int, int]]:
    """Missing ranges (writer, first, last): before each event that waits, and up to `expected`."""
    found: list[tuple[int, int, int]] = []
    places = sorted(order.waiting)
    for writer in sorted({*order.next, *expected, *(place[0] for place in places)}):
        at = order.next.get(writer, 0)
        for place in places:
            if place[0] == writer:
                first = begins(order.waiting[place])
                if first > at:
                    found.append((writer, at, first - 1))
                at = max(at, after(order.waiting[place]))
        if expected.get(writer, 0) > at:
            found.append((writer, at, expected[writer] - 1))
    return found
