"""Columns of two tables with numpy: digests are numbered where they lie, no object is made of any.

Equal digests have equal first eight bytes; those are sorted, and the rest is looked at only where
they are equal.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from forkpoint.diff import vectors
from forkpoint.diff.columns import ASKING, StepRow
from forkpoint.diff.interning import Column, Interned, intern
from forkpoint.diff.sketch import NO_SKETCH
from forkpoint.diff.table import ABSENT, DIGEST, Coded, StepTable, places_of_kind
from forkpoint.diff.vectors import ArrayColumn, Ints

Words = NDArray[np.uint64]
"""Digests as rows of four words."""
Flags = NDArray[np.bool_]


def open_columns(a: Sequence[StepRow], b: Sequence[StepRow]) -> Interned:
    """The columns of two runs: arrays of long tables, else what works everywhere."""
    if isinstance(a, StepTable) and isinstance(b, StepTable) and are_long(a, b):
        return TableColumns(a, b)
    return Interned(list(a), list(b))


def are_long(a: StepTable, b: StepTable) -> bool:
    """Whether arrays save more than they cost."""
    return len(a) + len(b) >= vectors.LEAST


class TableColumns(Interned):
    """As `Interned`, of packed columns."""

    def __init__(self, a: StepTable, b: StepTable) -> None:
        super().__init__(a, b, keys=(a.keys, b.keys))
        self._a, self._b = a, b

    def asks(self, side: int, at: int) -> bool:
        """As `Interned.asks`."""
        return (self._b if side else self._a).kind[at] in ASKING

    @cached_property
    def has_asking(self) -> bool:
        """As `Interned.has_asking`."""
        sides = (self._a, self._b)
        return any(places_of_kind(side, kind) for side in sides for kind in ASKING)

    def lone(self, twins: Sequence[int]) -> tuple[list[int], list[int]]:
        """As `Interned.lone`."""
        places = np.asarray(twins, dtype=np.int64)
        lone = np.ones(len(self._b) + 1, dtype=bool)
        lone[places] = False  # -1, for none, is the one too many
        return np.flatnonzero(places < 0).tolist(), np.flatnonzero(lone[:-1]).tolist()

    def lineage(self, run_id: str) -> Mapping[int, int]:
        """As `Interned.lineage`."""
        runs, keys = self._b.source_run, self._b.source_key
        if run_id not in runs.values or not keys:
            return {}
        place = {key: at for at, key in enumerate(self._a.keys)}
        served = np.flatnonzero(array_of(runs) == list(runs.values).index(run_id)).tolist()
        return {at: place[key] for at in served if (key := keys[at]) in place}

    def site(self, side: int, at: int) -> str | None:
        """As `Interned.site`."""
        return (self._b if side else self._a).site[at]

    @property
    def has_sketches(self) -> bool:
        """As `Interned.has_sketches`."""
        return all(side.sketch != NO_SKETCH * len(side) for side in (self._a, self._b))

    @cached_property
    def sketches(self) -> tuple[bytes, bytes]:
        """As `Interned.sketches`."""
        return self._a.sketch, self._b.sketch

    @property
    def type(self) -> Column:
        """As `Interned.type`."""
        return self._once("type", self._types)

    def _types(self) -> Column:
        kinds, names = self._numbered("kind"), self._numbered("name")
        return ArrayColumn(
            kinds.left * names.size + names.left,
            kinds.right * names.size + names.right,
            kinds.size * names.size,
        )

    def _column(self, field: str) -> Column:
        return self._numbered(field)

    def _numbered(self, field: str) -> ArrayColumn:
        left, right = getattr(self._a, field), getattr(self._b, field)
        if isinstance(left, Coded):
            return _of_codes(left, right)
        return numbered(left, right)


def array_of(column: Coded) -> Ints:
    """The codes of a column."""
    return np.frombuffer(column.codes, dtype=np.int32).astype(np.int64)


def words_of(digests: bytes) -> Words:
    """Packed digests as words; they are compared, not read."""
    return np.frombuffer(digests, dtype=np.uint64).reshape(-1, DIGEST // 8)


def all_equal(left: Words, right: Words) -> Flags:
    """Whether digests are equal, pair by pair."""
    found = np.equal(left, right)
    return found.view(np.uint32)[:, 0] == _FOUR


def present(digests: Words) -> Flags:
    """Which digests are not absent ones."""
    return (digests != 0).view(np.uint32)[:, 0] != 0


_FOUR = int.from_bytes(b"\1\1\1\1", sys.byteorder)
"""Four words, each found to be equal."""


def same_codes(left: Coded, right: Coded) -> tuple[Ints, Ints]:
    """Both sides' codes by one numbering."""
    column = _of_codes(left, right)
    return column.left, column.right


def _of_codes(left: Coded, right: Coded) -> ArrayColumn:
    both = intern(left.values, right.values)
    one, two = (np.array(numbers or [-1], dtype=np.int64) for numbers in (both.a, both.b))
    return ArrayColumn(one[array_of(left)], two[array_of(right)], both.size)


def numbered(left: bytes, right: bytes) -> ArrayColumn:
    """Packed digests of both sides by one numbering, absent ones -1."""
    digests = words_of(left + right)
    first = digests[:, 0].copy()
    order = np.argsort(first)
    first = first[order]
    equal = first[1:] == first[:-1]
    repeated = np.flatnonzero(equal)
    if not np.array_equal(digests[order[repeated]], digests[order[repeated + 1]]):
        return _one_by_one(left, right)
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order[:1]] = 0
    numbers[order[1:]] = np.cumsum(~equal)
    size = len(order) - len(repeated)
    numbers[~present(digests)] = -1
    count = len(left) // DIGEST
    return ArrayColumn(numbers[:count], numbers[count:], size)


def _one_by_one(left: bytes, right: bytes) -> ArrayColumn:
    """Of digests that begin alike and are not equal, which nobody has found but by trying."""
    both = intern(
        *(
            [
                None if (digest := side[at : at + DIGEST]) == ABSENT else digest
                for at in range(0, len(side), DIGEST)
            ]
            for side in (left, right)
        )
    )
    return ArrayColumn(np.array(both.a), np.array(both.b), both.size)
