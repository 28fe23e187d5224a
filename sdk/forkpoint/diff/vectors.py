"""Lanes with numpy: the same pairs as `lanes.PlainLane`, several times as fast on long runs."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from forkpoint.diff.interning import Column, Interned, Numbers
from forkpoint.diff.lanes import Gap, Places, PlainLane
from forkpoint.diff.sequences import Pair, longest_increasing
from forkpoint.diff.sketch import HASHES, NO_SKETCH

LEAST = 512
"""Steps of a lane below which arrays cost more than they save."""
FEW_GAPS = 16
"""Gaps up to which each is looked at by arrays."""
Ints = NDArray[np.int64]


class ArrayColumn(Column):
    """A column whose numbers lie in arrays; lists of them are made when one is asked for."""

    def __init__(self, left: Ints, right: Ints, size: int) -> None:
        super().__init__([], [], size)
        self.left, self.right = left, right

    @property
    def a(self) -> Numbers:
        """As `Column.a`."""
        self._a = self._a or self.left.tolist()
        return self._a

    @property
    def b(self) -> Numbers:
        """As `Column.b`."""
        self._b = self._b or self.right.tolist()
        return self._b


def arrays_of(column: Column) -> tuple[Ints, Ints]:
    """The numbers of both sides as arrays."""
    if isinstance(column, ArrayColumn):
        return column.left, column.right
    return _ints(column.a), _ints(column.b)


def open_lane(places: Places) -> PlainLane:
    """The faster lane for this many steps."""
    short = len(places.a) + len(places.b) < LEAST
    return PlainLane(places) if short else VectorLane(places)


class VectorLane(PlainLane):
    """Pairs are kept in arrays; single ones are written into them as into lists."""

    def __init__(self, places: Places) -> None:
        super().__init__(places)
        self._twins = _ints(self.twins)
        self.twins = cast("list[int]", self._twins)  # an array is written and read like one
        self._hows = np.frombuffer(self.hows, dtype=np.uint8)
        self._a, self._b = _ints(places.a), _ints(places.b)
        starts = _ints(places.starts[1:]).reshape(-1, 2)
        self._starts_a, self._starts_b = starts[:, 0], starts[:, 1]

    def gaps(self) -> list[Gap]:
        """As `PlainLane.gaps`."""
        a0, a1, b0, b1 = self._open()
        return list(zip(a0.tolist(), a1.tolist(), b0.tolist(), b1.tolist(), strict=True))

    def spread(self, column: Column) -> tuple[Numbers, Numbers]:
        """As `PlainLane.spread`."""
        ours, theirs = arrays_of(column)
        return ours[self._a].tolist(), theirs[self._b].tolist()

    def pair_ends(self, column: Column, how: int) -> None:
        """As `PlainLane.pair_ends`: long gaps by arrays, in short ones a loop is faster."""
        gaps = self.gaps()
        if len(gaps) > FEW_GAPS:
            super().pair_ends(column, how)
            return
        ours, theirs = arrays_of(column)
        for a0, a1, b0, b1 in gaps:
            left, right = ours[self._a[a0:a1]], theirs[self._b[b0:b1]]
            start = _alike(left, right)
            end = _alike(left[start:][::-1], right[start:][::-1])
            for places, twins in (
                (slice(a0, a0 + start), np.arange(b0, b0 + start)),
                (slice(a1 - end, a1), np.arange(b1 - end, b1)),
            ):
                self._twins[places] = twins
                self._hows[places] = how

    def pair_alike(self, column: Column, how: int) -> None:
        """As `PlainLane.pair_alike`."""
        a0, a1, b0, b1 = self._open()
        even = np.flatnonzero(a1 - a0 == b1 - b0)
        if not len(even):
            return
        left, right = _Side(a0[even], a1[even]), _Side(b0[even], b1[even])
        ours, theirs = arrays_of(column)
        other = ours[self._a[left.places]] != theirs[self._b[right.places]]
        unlike = np.zeros(len(even), dtype=bool)
        unlike[left.gaps[other]] = True
        alike = ~unlike[left.gaps]
        self._twins[left.places[alike]] = right.places[alike]
        self._hows[left.places[alike]] = how

    def pair_unique(self, column: Column, how: int) -> None:
        """As `PlainLane.pair_unique`: equal (gap, value) keys that are single on both sides."""
        gaps = self._open()
        if not len(gaps[0]):
            return
        left, right = _Side(gaps[0], gaps[1]), _Side(gaps[2], gaps[3])
        ours, theirs = arrays_of(column)
        values_a, values_b = ours[self._a[left.places]], theirs[self._b[right.places]]
        left, values_a = left.only(values_a >= 0, values_a)
        right, values_b = right.only(values_b >= 0, values_b)
        size = column.size + 1
        self._pair(left, right, left.gaps * size + values_a, right.gaps * size + values_b, how)

    def pair_sketches(self, columns: Interned, how: int) -> None:
        """As `PlainLane.pair_sketches`; hashes are read where they lie, not numbered first."""
        sketches_a, sketches_b = (_hashes(sketches) for sketches in columns.sketches)
        types_a, types_b = arrays_of(columns.type)
        for which in range(HASHES):
            gaps = self._open()
            if not len(gaps[0]) or len(gaps[0]) * columns.type.size >= 1 << 30:
                super().pair_sketches(columns, how)
                return
            sides: list[tuple[_Side, Ints]] = []
            for place, step_of, sketches, types in (
                (_Side(gaps[0], gaps[1]), self._a, sketches_a, types_a),
                (_Side(gaps[2], gaps[3]), self._b, sketches_b, types_b),
            ):
                steps = step_of[place.places]
                found = sketches[steps]
                kept, values = place.only((found != _NOTHING).any(axis=1), found[:, which])
                types_of = types[step_of[kept.places]]
                sides.append((kept, ((kept.gaps * columns.type.size + types_of) << 32) | values))
            (left, keys_a), (right, keys_b) = sides
            self._pair(left, right, keys_a, keys_b, how)

    def add_all(self, lefts: Sequence[int], rights: Sequence[int], how: int) -> None:
        """As `PlainLane.add_all`."""
        places = np.array(lefts, dtype=np.int64)
        self._twins[places] = rights
        self._hows[places] = how

    def forth(self) -> list[int]:
        """As `PlainLane.forth`."""
        return self._twins.tolist()

    def back(self) -> list[int]:
        """As `PlainLane.back`."""
        back = np.full(len(self.places.b), -1, dtype=np.int64)
        paired = np.flatnonzero(self._twins >= 0)
        back[self._twins[paired]] = paired
        return back.tolist()

    def export(self, twins: array[int], hows: bytearray) -> None:
        """As `PlainLane.export`."""
        paired = np.flatnonzero(self._twins >= 0)
        steps = self._a[paired]
        np.frombuffer(twins, dtype=np.int32)[steps] = self._b[self._twins[paired]]
        np.frombuffer(hows, dtype=np.uint8)[steps] = self._hows[paired]

    def _pair(self, left: _Side, right: _Side, keys_a: Ints, keys_b: Ints, how: int) -> None:
        """Pair keys of which each side has one, as far as they keep their order."""
        # the lowest bit puts A's before B's among equal ones
        sided = np.concatenate([keys_a << 1, keys_b << 1 | 1])
        order = np.argsort(sided)
        keys = sided[order] >> 1
        equal = np.zeros(len(keys) + 1, dtype=bool)
        equal[1:-1] = keys[1:] == keys[:-1]
        # a group of two: equal to the one before, but neither that nor this to its other neighbour
        second = np.flatnonzero(equal[1:-1] & ~equal[:-2] & ~equal[2:])
        ones, twos = order[second], order[second + 1]
        both = (ones < len(keys_a)) & (twos >= len(keys_a))
        places_a, places_b = left.places[ones[both]], right.places[twos[both] - len(keys_a)]
        twins = np.full(len(self._a), -1, dtype=np.int64)
        twins[places_a] = places_b
        places_a = np.flatnonzero(twins >= 0)  # in their order
        places_b = twins[places_a]
        if not bool(np.all(places_b[1:] > places_b[:-1])):
            chain = longest_increasing(places_b.tolist())
            places_a, places_b = places_a[chain], places_b[chain]
        self._twins[places_a] = places_b
        self._hows[places_a] = how

    def _open(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Bounds of the open gaps: between neighbouring pairs or starts of scope pairs."""
        twins = self._twins
        paired = np.flatnonzero(twins >= 0)
        ends_a = np.concatenate([paired, self._starts_a, [len(self._a)]])
        ends_b = np.concatenate([twins[paired], self._starts_b, [len(self._b)]])
        step = np.zeros(len(ends_a), dtype=np.int64)
        step[: len(paired)] = 1
        if len(self._starts_a):
            order = np.lexsort((step, ends_b, ends_a))
            ends_a, ends_b, step = ends_a[order], ends_b[order], step[order]
        from_a = np.concatenate([[0], (ends_a + step)[:-1]])
        from_b = np.concatenate([[0], (ends_b + step)[:-1]])
        both = (ends_a > from_a) & (ends_b > from_b)
        return from_a[both], ends_a[both], from_b[both], ends_b[both]


def _alike(left: Ints, right: Ints) -> int:
    """Values, none absent, with which both begin."""
    shorter = min(len(left), len(right))
    left, right = left[:shorter], right[:shorter]
    other = (left != right) | (left < 0)
    return int(other.argmax()) if other.any() else shorter


class _Side:
    """The places of one side that lie in open gaps, and the number of the gap of each."""

    __slots__ = ("gaps", "places")

    def __init__(self, begin: Ints, end: Ints) -> None:
        sizes = end - begin
        self.gaps: Ints = np.repeat(np.arange(len(begin)), sizes)
        counted: Ints = np.arange(int(sizes.sum()), dtype=np.int64)
        self.places: Ints = counted + np.repeat(begin - (np.cumsum(sizes) - sizes), sizes)

    def only(self, kept: NDArray[np.bool_], values: Ints) -> tuple[_Side, Ints]:
        """The places that are kept, and their values."""
        if not bool(kept.all()):
            self.gaps, self.places, values = self.gaps[kept], self.places[kept], values[kept]
        return self, values


def _ints(values: Numbers | Iterable[Pair]) -> Ints:
    return np.array(values, dtype=np.int64)


def _hashes(sketches: bytes) -> Ints:
    """One row of four hashes for each step."""
    return np.frombuffer(sketches, dtype=">u4").astype(np.int64).reshape(-1, HASHES)


_NOTHING = _hashes(NO_SKETCH)[0]
