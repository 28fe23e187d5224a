"""Alignment: which step of A is which step of B (diff guide, section 3).

Scopes pair from the outside in, one depth at a time. Within scope pairs the passes A1 to A8 only
add pairs that keep order, over all open gaps at once; then A9 pairs what moved. Digests alone are
used, no payload is read.
"""

from __future__ import annotations

from array import array
from collections import defaultdict, deque
from collections.abc import Callable, Sequence

from forkpoint.diff.alignment import Alignment
from forkpoint.diff.columns import RunColumns
from forkpoint.diff.gapwork import GapWork
from forkpoint.diff.lanes import (
    DELTA,
    LINEAGE,
    MOVED,
    SAME,
    SIMILAR,
    PlainLane,
    lay_out,
)
from forkpoint.diff.scopetree import ScopeTree
from forkpoint.diff.sliding import slide

try:
    from forkpoint.diff.vectorcolumns import open_columns
    from forkpoint.diff.vectors import open_lane
except ImportError:  # numpy comes with the server; the sdk alone does without
    from forkpoint.diff.interning import open_columns
    from forkpoint.diff.lanes import open_lane


def align(a: RunColumns, b: RunColumns) -> Alignment:
    """Pair the steps of two runs. O(n log n) where digests are unique, see the passes above."""
    return _Aligner(a, b).align()


class _Aligner:
    """Aligns two runs once; a throw-away object that holds the interned columns."""

    def __init__(self, a: RunColumns, b: RunColumns) -> None:
        self.a, self.b = a.steps, b.steps
        self.columns = open_columns(a.steps, b.steps)
        self.lineage = self.columns.lineage(a.run_id)
        self.gapwork = GapWork(self.columns)
        self.twins = array("i", [-1]) * len(a.steps)
        self.hows = bytearray(len(a.steps))

    def align(self) -> Alignment:
        """Pair scopes from the outside in, then what moved, then what lies inside of that."""
        tree = ScopeTree(self.a, self.b, *self.columns.keys)
        layer = tree.roots()
        while layer:
            while layer:
                self._align_layer(tree, layer)
                layer = [inner for pair in layer for inner in tree.inside(pair, self.twins)]
            moved = self._pair_moved()
            layer = [pair for at in moved if (pair := tree.of_pair(at, self.twins[at]))]
        return Alignment(self.twins, self.hows, len(self.b))

    def _align_layer(self, tree: ScopeTree, layer: Sequence[tuple[str, str]]) -> None:
        lane = open_lane(lay_out(tree.steps_of(pair) for pair in layer))
        if self.lineage:
            self._pair_lineage(lane)
        signature = self.columns.signature
        lane.pair_ends(signature, SAME)
        lane.pair_unique(signature, SAME)
        lane.pair_ends(signature, SAME)
        if lane.gaps():
            lane.pair_unique(self.columns.delta, DELTA)
            lane.pair_ends(self.columns.delta, DELTA)
        if lane.gaps() and self.columns.has_sketches:
            lane.pair_sketches(self.columns, SIMILAR)
        self.gapwork.pair(lane)
        if self.columns.has_asking:
            slide(lane, signature, (self._asks(0, lane.places.a), self._asks(1, lane.places.b)))
        lane.export(self.twins, self.hows)

    def _asks(self, side: int, places: Sequence[int]) -> Callable[[int], bool]:
        return lambda place: self.columns.asks(side, places[place])

    def _pair_lineage(self, lane: PlainLane) -> None:
        """What B was served from: pairs of the lane as far as they keep order, others `moved`."""
        place = {step: at for at, step in enumerate(lane.places.a)}
        for a0, a1, b0, b1 in lane.gaps():
            last = a0 - 1
            for at in range(b0, b1):
                source = self.lineage.get(lane.places.b[at])
                found = place.get(source, -1) if source is not None else -1
                if last < found < a1:
                    lane.add(((found, at),), LINEAGE)
                    last = found

    def _pair_moved(self) -> list[int]:
        """A9: what is left on both sides with equal signatures, else deltas, over all scopes."""
        found = self._moved_by_lineage()
        lone_a, lone_b = self.columns.lone(self.twins)
        for column in (self.columns.signature, self.columns.delta) if lone_b else ():
            waiting: dict[int, deque[int]] = defaultdict(deque)
            for at in lone_b:
                if column.b[at] >= 0:
                    waiting[column.b[at]].append(at)
            taken: set[int] = set()
            for at in lone_a if waiting else ():
                value = column.a[at]
                if waiting.get(value):
                    twin = waiting[value].popleft()
                    taken.add(twin)
                    self.twins[at] = twin
                    self.hows[at] = MOVED
                    found.append(at)
            lone_a = [at for at in lone_a if self.twins[at] < 0]
            lone_b = [at for at in lone_b if at not in taken]
        return found

    def _moved_by_lineage(self) -> list[int]:
        taken = set(self.twins) if self.lineage else set[int]()
        found: list[int] = []
        for other, source in self.lineage.items():
            if other not in taken and self.twins[source] < 0:
                self.twins[source] = other
                self.hows[source] = MOVED
                found.append(source)
        return found
