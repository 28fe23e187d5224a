"""The lines of a comparison: one for each pair of steps and each step of one side, as columns."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import cast, overload

import ormsgpack

from forkpoint.diff.alignment import Alignment
from forkpoint.diff.lanes import HOWS, MOVED

CLASSES = (
    "same",
    "origin",
    "intervention",
    "propagated",
    "absorbed",
    "inserted",
    "removed",
    "integrity",
    "unknown",
)
"""Classes by the number that columns carry. `unknown`: a payload cannot be read, or is to come."""
(SAME, ORIGIN, INTERVENTION, PROPAGATED, ABSORBED, INSERTED, REMOVED, INTEGRITY, UNKNOWN) = range(9)
SUBS = (
    None,
    "sampling",
    "external",
    "simulated",
    "output",
    "intervention",
    "ids",
    "running",
    "not_clean",
)
"""Finer classes. `ids`: the answers differ only in names the provider drew for them: no root."""
(NONE, SAMPLING, EXTERNAL, SIMULATED, OUTPUT, UNASKED, IDS, RUNNING, NOT_CLEAN) = range(9)
PARTLY, QUIET = 1, 2
"""Flags: only some of the difference is explained; the answer is equal in spite of it."""
ALONE = len(HOWS)
"""In the column `how`: a step of one side; its class says which."""
Parts = tuple[str, ...]
_COLUMNS = ("a", "b", "how", "name", "sub", "flags", "part")
_BEGINS = bytes(name in (ORIGIN, INTERVENTION, INTEGRITY) for name in range(256))
_UNASKED = bytes(sub == UNASKED for sub in range(256))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the comparison: a pair, or a step of one side."""

    a: int | None
    b: int | None
    how: str
    """Pass that paired them; `removed` or `inserted` for one side."""
    name: str
    """Class: same, origin, intervention, propagated, absorbed, removed, inserted, integrity."""
    sub: str | None = None
    parts: Parts = ()
    """Input parts that differ, and `out` if the answer does."""
    partly: bool = False
    absorbed: bool = False

    @property
    def is_root(self) -> bool:
        """Whether the difference begins here."""
        if self.sub == "ids":
            return False
        return self.name in ("origin", "intervention", "integrity") or self.sub == "intervention"


class Rows(Sequence[Row]):
    """All rows in B's order, steps only in A where they would have stood. About 16 bytes each."""

    def __init__(self) -> None:
        self.a = array("i")
        self.b = array("i")
        self.how = bytearray()
        self.name = bytearray()
        self.sub = bytearray()
        self.flags = bytearray()
        self.part = array("H")
        self.part_table: list[Parts] = [()]
        self._part_numbers: dict[Parts, int] = {(): 0}

    def part_number(self, parts: Parts) -> int:
        """The number that stands for some parts in the column."""
        number = self._part_numbers.get(parts)
        if number is None:
            number = self._part_numbers[parts] = len(self.part_table)
            self.part_table.append(parts)
        return number

    def to_bytes(self) -> bytes:
        """All columns, for keeping; read again by `from_bytes`."""
        columns = {name: bytes(getattr(self, name)) for name in _COLUMNS}
        return ormsgpack.packb({**columns, "parts": self.part_table})

    @classmethod
    def from_bytes(cls, data: bytes) -> Rows:
        """The rows of `to_bytes`, written on a machine of the same byte order."""
        found = ormsgpack.unpackb(data)
        rows = cls()
        for name in _COLUMNS:
            column = cast("array[int] | bytearray", getattr(rows, name))
            if isinstance(column, bytearray):
                column.extend(found[name])
            else:
                column.frombytes(found[name])
        rows.part_table = [tuple(parts) for parts in found["parts"]]
        return rows

    def alignment(self, length_a: int, length_b: int) -> Alignment:
        """The pairs behind the rows."""
        twins, hows = array("i", [-1]) * length_a, bytearray(length_a)
        for a, b, how in zip(self.a, self.b, self.how, strict=True):
            if a >= 0 <= b:
                twins[a], hows[a] = b, how
        return Alignment(twins, hows, length_b)

    def common_start(self, other: Rows) -> int:
        """How many rows from the first on are the same in both, class and parts included."""
        columns = [
            _common(getattr(self, name), getattr(other, name))
            for name in _COLUMNS
            if name != "part"
        ]
        shortest = min(columns)
        ours, theirs = self.part_table, other.part_table
        for at, (one, two) in enumerate(zip(self.part, other.part, strict=False)):
            if at >= shortest or ours[one] != theirs[two]:
                return min(at, shortest)
        return shortest

    def set(
        self, at: int, name: int, sub: int = NONE, *, parts: Parts = (), flags: int = 0
    ) -> None:
        """Class a row."""
        self.name[at] = name
        self.sub[at] = sub
        self.flags[at] = flags
        if parts:
            self.part[at] = self.part_number(parts)

    def is_root(self, at: int) -> bool:
        """Whether the difference begins at this row."""
        name, sub = self.name[at], self.sub[at]
        if sub == IDS:
            return False
        return name in (ORIGIN, INTERVENTION, INTEGRITY) or sub == UNASKED

    def roots(self) -> list[int]:
        """Indexes of the rows at which a difference begins, in order."""
        begins = map(int.__or__, self.name.translate(_BEGINS), self.sub.translate(_UNASKED))
        return [at for at in compress(range(len(self)), begins) if self.sub[at] != IDS]

    def partly(self) -> Iterator[int]:
        """Indexes of the rows of which only some is explained, in order."""
        return (at for at, flags in enumerate(self.flags) if flags & PARTLY)

    def count_partly(self) -> int:
        """How many rows `partly` has."""
        return self.flags.count(PARTLY) + self.flags.count(PARTLY | QUIET)

    def changed(self) -> Iterator[int]:
        """Indexes of the rows that are not `same`, in order."""
        return (at for at, name in enumerate(self.name) if name)

    def counts(self) -> Mapping[str, int]:
        """Number of rows by class, moved pairs counted beside their class."""
        found = {name: self.name.count(at) for at, name in enumerate(CLASSES)}
        found["moved"] = self.how.count(MOVED)
        return {name: count for name, count in found.items() if count}

    def __len__(self) -> int:
        return len(self.name)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> list[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | list[Row]:
        if isinstance(at, slice):
            return [self[index] for index in range(*at.indices(len(self)))]
        how, name = self.how[at], CLASSES[self.name[at]]
        a, b = self.a[at], self.b[at]
        return Row(
            a=a if a >= 0 else None,
            b=b if b >= 0 else None,
            how=HOWS[how] if how < ALONE else "inserted" if a < 0 else "removed",
            name=name,
            sub=SUBS[self.sub[at]],
            parts=self.part_table[self.part[at]],
            partly=bool(self.flags[at] & PARTLY),
            absorbed=bool(self.flags[at] & QUIET),
        )


def _common(one: array[int] | bytearray, two: array[int] | bytearray) -> int:
    """Entries with which both begin."""
    low, high = 0, min(len(one), len(two))
    while low < high:  # by halves, since slices compare in C
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == two[low:middle] else (low, middle - 1)
    return low


def laid_out(alignment: Alignment) -> Rows:
    """The rows of an alignment in their order, not classed yet."""
    rows = Rows()
    before = _lone_of_a(alignment)
    order_a, order_b, hows = rows.a, rows.b, rows.how
    how_of = alignment.hows

    def lone(steps: Sequence[int]) -> None:
        for step in steps:
            order_a.append(step)
            order_b.append(-1)
            hows.append(ALONE)

    lone(before.get(-1, ()))
    for other, twin in enumerate(alignment.back):
        order_a.append(twin)
        order_b.append(other)
        hows.append(how_of[twin] if twin >= 0 else ALONE)
        if other in before:
            lone(before[other])
    unclassed(rows)
    return rows


def unclassed(rows: Rows) -> None:
    """Make room for the classes of rows that are in their order."""
    count = len(rows.how)
    rows.name, rows.sub, rows.flags = bytearray(count), bytearray(count), bytearray(count)
    rows.part = array("H", bytes(2 * count))


def _lone_of_a(alignment: Alignment) -> dict[int, list[int]]:
    """Steps only in A by the step of B they stand behind, -1 for the beginning."""
    before: dict[int, list[int]] = {}
    anchor = -1
    hows = alignment.hows
    for at, twin in enumerate(alignment.twins):
        if twin < 0:
            before.setdefault(anchor, []).append(at)
        elif hows[at] != MOVED:
            anchor = twin
    return before
