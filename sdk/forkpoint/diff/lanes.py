"""Two sequences under alignment, and the gaps that are still open between their pairs.

A lane holds all scope pairs of one depth behind each other. No pair crosses from one scope pair to
another, so that each pass runs over all gaps of all scope pairs at once.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from forkpoint.diff.interning import Column, Interned, Numbers
from forkpoint.diff.sequences import Pair, unique_matches
from forkpoint.diff.sketch import HASHES

HOWS = ("same", "delta", "similar", "type", "coarse", "moved", "lineage", "ambiguous")
"""The passes, by the number that columns carry."""
SAME, DELTA, SIMILAR, TYPE, COARSE, MOVED, LINEAGE, AMBIGUOUS = range(len(HOWS))
Gap = tuple[int, int, int, int]
"""(a from, a to, b from, b to), as places in the lane; both sides hold something."""


@dataclass(frozen=True, slots=True)
class Places:
    """Which steps stand in a lane, scope pair by scope pair."""

    a: Numbers
    b: Numbers
    starts: Sequence[Pair]
    """Where each scope pair begins on both sides."""


def lay_out(pairs: Iterable[tuple[Sequence[int], Sequence[int]]]) -> Places:
    """Steps of paired scopes, behind each other."""
    a: Numbers = []
    b: Numbers = []
    starts: list[Pair] = []
    for left, right in pairs:
        starts.append((len(a), len(b)))
        a.extend(left)
        b.extend(right)
    return Places(a, b, starts)


class PlainLane:
    """A lane in pure Python; `vectors.VectorLane` is the same with arrays."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.twins: list[int] = [-1] * len(places.a)
        self.hows = bytearray(len(places.a))

    def add(self, pairs: Iterable[Pair], how: int) -> None:
        """Keep pairs of places. They must lie inside open gaps and not cross."""
        twins, hows = self.twins, self.hows
        for left, right in pairs:
            twins[left] = right
            hows[left] = how

    def add_all(self, lefts: Sequence[int], rights: Sequence[int], how: int) -> None:
        """As `add`, of many places."""
        self.add(zip(lefts, rights, strict=True), how)

    def take(self, left: int) -> None:
        """Undo the pair of a place of A."""
        self.twins[left] = -1

    def gaps(self) -> list[Gap]:
        """Stretches without pairs that have steps on both sides, in order."""
        found: list[Gap] = []
        twins, places = self.twins, self.places
        ends = [*places.starts[1:], (len(places.a), len(places.b))]
        for (left, right), (a_end, b_end) in zip(places.starts, ends, strict=True):
            for at in range(left, a_end):
                twin = twins[at]
                if twin >= 0:
                    if at > left and twin > right:
                        found.append((left, at, right, twin))
                    left, right = at + 1, twin + 1
            if a_end > left and b_end > right:
                found.append((left, a_end, right, b_end))
        return found

    def pair_sketches(self, columns: Interned, how: int) -> None:
        """A4: pairs of (type, hash) for each of the four hashes of the sketches."""
        for which in range(HASHES):
            self.pair_unique(columns.sketch(which), how)

    def pair_ends(self, column: Column, how: int) -> None:
        """A1: equal values from both ends of each gap."""
        self.add(_equal_ends(self.gaps(), *self.spread(column)), how)

    def pair_alike(self, column: Column, how: int) -> None:
        """A5: gaps that hold the same values on both sides, in order."""
        left, right = self.spread(column)
        for a0, a1, b0, b1 in self.gaps():
            if left[a0:a1] == right[b0:b1]:
                self.add(zip(range(a0, a1), range(b0, b1), strict=True), how)

    def pair_unique(self, column: Column, how: int) -> None:
        """Pair values that occur once on each side of a gap, as far as they keep their order."""
        left, right = self.spread(column)
        for a0, a1, b0, b1 in self.gaps():
            found = unique_matches(left[a0:a1], right[b0:b1])
            self.add(((a0 + one, b0 + two) for one, two in found), how)

    def spread(self, column: Column) -> tuple[Numbers, Numbers]:
        """The column in the order of the lane."""
        places = self.places
        return (
            list(map(column.a.__getitem__, places.a)),
            list(map(column.b.__getitem__, places.b)),
        )

    def forth(self) -> list[int]:
        """The twin of each place of A, -1 for none."""
        return list(self.twins)

    def back(self) -> list[int]:
        """The twin of each place of B, -1 for none."""
        back = [-1] * len(self.places.b)
        for at, twin in enumerate(self.twins):
            if twin >= 0:
                back[twin] = at
        return back

    def export(self, twins: array[int], hows: bytearray) -> None:
        """Write all pairs as steps: the twin of each step of A, and how it was found."""
        places = self.places
        for at, twin in enumerate(self.twins):
            if twin >= 0:
                twins[places.a[at]] = places.b[twin]
                hows[places.a[at]] = self.hows[at]


def _equal_ends(gaps: Iterable[Gap], left: Numbers, right: Numbers) -> Iterator[Pair]:
    for a0, a1, b0, b1 in gaps:
        while a0 < a1 and b0 < b1 and left[a0] == right[b0] >= 0:
            yield a0, b0
            a0, b0 = a0 + 1, b0 + 1
        while a0 < a1 and b0 < b1 and left[a1 - 1] == right[b1 - 1] >= 0:
            a1, b1 = a1 - 1, b1 - 1
            yield a1, b1


def open_lane(places: Places) -> PlainLane:
    """The lane that works everywhere."""
    return PlainLane(places)
