"""Lanes with numpy: the same pairs as `lanes.PlainLane`, several times as fast on long runs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from forkpoint.diff.interning import Column
from forkpoint.diff.lanes import Gap, Places, PlainLane
from forkpoint.diff.sequences import Pair, longest_increasing

LEAST = 512
"""Steps of a lane below which arrays cost more than they save."""
Ints = NDArray[np.int64]


def open_lane(places: Places) -> PlainLane:
    """The faster lane for this many steps."""
    short = len(places.a) + len(places.b) < LEAST
    return PlainLane(places) if short else VectorLane(places)


class VectorLane(PlainLane):
    """Twins stay a list, for single pairs; passes turn it into an array once."""

    def gaps(self) -> list[Gap]:
        """As `PlainLane.gaps`."""
        a0, a1, b0, b1 = self._open()
        return list(zip(a0.tolist(), a1.tolist(), b0.tolist(), b1.tolist(), strict=True))

    def pair_unique(self, column: Column, how: int) -> None:
        """As `PlainLane.pair_unique`: equal (gap, value) keys that are single on both sides."""
        a0, a1, b0, b1 = self._open()
        if not len(a0):
            return
        left = _keys(a0, a1, column.a, self.places.a, column.size)
        right = _keys(b0, b1, column.b, self.places.b, column.size)
        common, at_a, at_b = np.intersect1d(
            left.keys, right.keys, assume_unique=True, return_indices=True
        )
        if not len(common):
            return
        places_a, places_b = left.places[at_a], right.places[at_b]
        order = np.argsort(places_a)
        self.add(_increasing(places_a[order], places_b[order]), how)

    def _open(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Bounds of the open gaps: between neighbouring pairs or starts of scope pairs."""
        places = self.places
        twins = np.asarray(self.twins, dtype=np.int64)
        paired = np.flatnonzero(twins >= 0)
        starts = np.asarray(places.starts[1:], dtype=np.int64).reshape(-1, 2)
        last = np.asarray([[len(places.a), len(places.b)]], dtype=np.int64)
        ends_a = np.concatenate([paired, starts[:, 0], last[:, 0]])
        ends_b = np.concatenate([twins[paired], starts[:, 1], last[:, 1]])
        step = np.zeros(len(ends_a), dtype=np.int64)
        step[: len(paired)] = 1
        if len(starts):
            order = np.lexsort((step, ends_b, ends_a))
            ends_a, ends_b, step = ends_a[order], ends_b[order], step[order]
        from_a = np.concatenate([[0], (ends_a + step)[:-1]])
        from_b = np.concatenate([[0], (ends_b + step)[:-1]])
        both = (ends_a > from_a) & (ends_b > from_b)
        return from_a[both], ends_a[both], from_b[both], ends_b[both]


class _Keyed:
    """Places whose (gap, value) is single on their side, by key."""

    __slots__ = ("keys", "places")

    def __init__(self, keys: Ints, places: Ints) -> None:
        self.keys = keys
        self.places = places


def _keys(begin: Ints, end: Ints, column: list[int], steps: list[int], size: int) -> _Keyed:
    sizes = end - begin
    gaps = np.repeat(np.arange(len(begin)), sizes)
    counted: Ints = np.arange(int(sizes.sum()), dtype=np.int64)
    places: Ints = counted + np.repeat(begin - (np.cumsum(sizes) - sizes), sizes)
    values = np.asarray(column, dtype=np.int64)[np.asarray(steps, dtype=np.int64)[places]]
    known = values >= 0
    keys, places = gaps[known] * (size + 1) + values[known], places[known]
    order = np.argsort(keys, kind="stable")
    keys, places = keys[order], places[order]
    single = np.ones(len(keys), dtype=bool)
    equal = keys[1:] == keys[:-1]
    single[1:] &= ~equal
    single[:-1] &= ~equal
    return _Keyed(keys[single], places[single])


def _increasing(left: Ints, right: Ints) -> Iterable[Pair]:
    if bool(np.all(right[1:] > right[:-1])):
        return zip(left.tolist(), right.tolist(), strict=True)
    ones, twos = left.tolist(), right.tolist()
    return [(ones[at], twos[at]) for at in longest_increasing(twos)]
