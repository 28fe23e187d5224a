"""The order, keys and lanes of a derived run, from ids and times alone. Pure.

Depth first, siblings by (start, -end, step id): whatever order spans came in, equal spans give an
equal run. A parent that is not there leaves its child at the top; a cycle of parents is cut at its
earliest start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forkpoint.replay.identity import ROOT_STRAND, call_key, shortened

from forkpoint_server.ingestion.lanes import Lanes

_DEEPEST = 2**15


@dataclass(frozen=True, slots=True)
class Bare:
    """A step before it has a place."""

    step_id: str
    parent_id: str | None
    start_ns: int
    end_ns: int | None
    """None while it is open."""


@dataclass(slots=True)
class Place:
    """Where a step stands in its run."""

    step_id: str
    key: str
    seq: int
    """Of its start, among all starts and ends in derived order; the step's number."""
    parent_seq: int | None
    depth: int
    contended: bool
    """A sibling overlaps it in time, so their order is only that of their clocks."""
    orphan: bool
    end_seq: int | None = None
    lane: int = 0


def arrange(steps: Sequence[Bare]) -> list[Place]:
    """The place of each step, in derived order."""
    below = _children(steps)
    walk = _Walk(below)
    walk.siblings(below.get(None, []), None)
    visited = walk.places
    if len(visited) < len(steps):  # what hangs on no root hangs on itself
        left = sorted((step for step in steps if step.step_id not in visited), key=_order)
        for step in left:
            if step.step_id not in visited:
                walk.siblings([step], None)
    places = list(visited.values())
    _set_lanes(places, {step.step_id: step for step in steps})
    return places


def _children(steps: Sequence[Bare]) -> dict[str | None, list[Bare]]:
    known = {step.step_id for step in steps}
    below: dict[str | None, list[Bare]] = {}
    for step in sorted(steps, key=_order):
        parent = step.parent_id if step.parent_id in known else None
        below.setdefault(parent, []).append(step)
    return below


def _order(step: Bare) -> tuple[int, int, str]:
    end = step.start_ns if step.end_ns is None else step.end_ns
    return step.start_ns, -end, step.step_id


class _Walk:
    """Numbers steps depth first, without recursion: traces may be deep."""

    def __init__(self, below: Mapping[str | None, Sequence[Bare]]) -> None:
        self.places: dict[str, Place] = {}
        self._below = below
        self._next = 0
        self._tops = 0

    def siblings(self, steps: Sequence[Bare], parent: Place | None) -> None:
        """Place these and all below them."""
        stack: list[tuple[Bare, Place | None, int, bool] | Place] = []
        self._push(stack, steps, parent)
        while stack:
            item = stack.pop()
            if isinstance(item, Place):
                item.end_seq = self._number()
                continue
            step, above, count, contended = item
            if step.step_id in self.places:
                continue
            place = self._place(step, above, count, contended)
            if step.end_ns is not None:
                stack.append(place)
            self._push(stack, self._below.get(step.step_id, ()), place)

    def _push(
        self,
        stack: list[tuple[Bare, Place | None, int, bool] | Place],
        steps: Sequence[Bare],
        parent: Place | None,
    ) -> None:
        contended = _overlapping(steps)
        begin = self._tops if parent is None else 0
        if parent is None:
            self._tops += len(steps)
        entries = [
            (step, parent, begin + count, step.step_id in contended)
            for count, step in enumerate(steps)
        ]
        stack.extend(reversed(entries))

    def _place(self, step: Bare, above: Place | None, count: int, contended: bool) -> Place:
        scope = ROOT_STRAND if above is None else shortened(above.key)
        if above is not None and scope != above.key:
            scope += "#0"  # the digest stands for a step, and keys count in it like in one
        place = Place(
            step_id=step.step_id,
            key=call_key(scope, count),
            seq=self._number(),
            parent_seq=None if above is None else above.seq,
            depth=0 if above is None else min(above.depth + 1, _DEEPEST),
            contended=contended,
            orphan=above is None and step.parent_id is not None,
        )
        self.places[step.step_id] = place
        return place

    def _number(self) -> int:
        self._next += 1
        return self._next - 1


def _overlapping(steps: Sequence[Bare]) -> set[str]:
    """Ids of those that were open at the same time as a neighbour; `steps` are in order."""
    found: set[str] = set()
    latest: Bare | None = None
    for step in steps:
        if latest is not None and (latest.end_ns is None or step.start_ns < latest.end_ns):
            found.update((latest.step_id, step.step_id))
        if latest is None or _ends(step) >= _ends(latest):
            latest = step
    return found


def _ends(step: Bare) -> int:
    return 2**63 if step.end_ns is None else step.end_ns


def _set_lanes(places: Sequence[Place], steps: Mapping[str, Bare]) -> None:
    """Lanes by time: at one moment ends come before starts, parents before children."""
    lanes = Lanes.load([])
    moments: list[tuple[int, int, int, Place]] = []
    for place in places:
        step = steps[place.step_id]
        moments.append((step.start_ns, 1, place.depth, place))
        if step.end_ns is not None:
            late = 2 if step.end_ns <= step.start_ns else 0
            moments.append((max(step.end_ns, step.start_ns), late, -place.depth, place))
    moments.sort(key=lambda moment: (*moment[:3], moment[3].seq))
    for _, phase, _, place in moments:
        if phase == 1:
            place.lane = lanes.begin(place.step_id, strand=ROOT_STRAND, depth=place.depth)
        else:
            lanes.end(place.step_id)
