"""Where long sequences are cut: boundaries that the content decides, never its history.

One rule serves list items, dict entries, references to groups and lines of text: a unit is a
candidate by its CRC-32, and a group starts at a candidate that does not follow another one
(section 3 of the format).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Sequence as Cells
from zlib import crc32

from forkpoint.content.blocks import REFERENCE, Digest, counted_reference

Put = Callable[[bytes], Digest]

PLAIN_WEIGHT = 4096
"""A sequence of at most this total weight is written whole, whatever its boundaries."""
CELL_WEIGHT = 1024
"""Weight of a cell that holds a reference, and the most any cell weighs."""
CHUNK_WEIGHT = 128
"""Weight of a reference in the levels of a long text or long bytes."""
GROUP_LEAST = 1024
"""A candidate starts a group only when the open one weighs more."""
GROUP_MOST = 16_384
"""No group weighs more (but one unit may)."""
CRC_SHIFT = 21


class Sequence:
    """A sequence as it stands in a body: plain while it is light, else split into groups."""

    __slots__ = ("_early", "_early_n", "_level", "_put", "_unit", "_w")

    def __init__(self, put: Put, *, unit: int | None = None) -> None:
        self._put = put
        self._unit = unit
        self._early: list[bytes] = []
        self._early_n: list[int] = []
        self._w = 0
        self._level: Level | None = None

    def extend(self, cells: Cells[bytes]) -> None:
        """Append cells that count one each."""
        if self._level is not None:
            self._level.extend(cells)
            return
        for at, cell in enumerate(cells):
            self._append_early(cell, 1)
            if self._w > PLAIN_WEIGHT:
                self._start().extend(cells[at + 1 :])
                return

    def push(self, cell: bytes, n: int) -> None:
        """Append one cell that counts `n`."""
        if self._level is not None:
            self._level.push(cell, n)
            return
        self._append_early(cell, n)
        if self._w > PLAIN_WEIGHT:
            self._start()

    @property
    def total(self) -> int:
        """Items (or bytes of text) of the whole sequence."""
        return sum(self._early_n) if self._level is None else self._level.total

    def body(self, tag: bytes | None) -> bytes:
        """The body under this tag; without one (a list) an unsplit sequence is a plain array."""
        level = self._level
        if level is not None and level.head is not None:
            return b'["~%s",%d,%s,%s,[%s]]' % (
                tag or b"l",
                level.total,
                level.head,
                level.middle(),
                b",".join(level.tail),
            )
        cells = b",".join(self._early if level is None else level.tail)
        if tag is None:
            return b"[%s]" % cells
        return b'["~%s",%d,null,null,[%s]]' % (tag, self.total, cells)

    def copy(self) -> Sequence:
        """The same sequence, growing on its own from here."""
        twin = Sequence(self._put, unit=self._unit)
        twin._early, twin._early_n, twin._w = self._early.copy(), self._early_n.copy(), self._w
        twin._level = None if self._level is None else self._level.copy()
        return twin

    def _append_early(self, cell: bytes, n: int) -> None:
        self._early.append(cell)
        self._early_n.append(n)
        self._w += self._unit or weight_of(cell)

    def _start(self) -> Level:
        level = self._level = Level(self._put, unit=self._unit)
        for cell, n in zip(self._early, self._early_n, strict=True):
            level.push(cell, n)
        self._early, self._early_n = [], []
        return level


class Level:
    """One level of a chunked sequence, built online; closed groups go to the level above.

    Holds the head (the first group), the open group and what the rule must remember of it, so
    `middle()` and `tail` describe the sequence at any moment and it can go on growing.
    """

    __slots__ = (
        "above",
        "candidate",
        "count",
        "head",
        "memo",
        "put",
        "tail",
        "tail_n",
        "unit",
        "w",
    )

    def __init__(self, put: Put, *, unit: int | None = None) -> None:
        self.put = put
        self.unit = unit
        self.head: bytes | None = None
        self.above: Level | None = None
        self.tail: list[bytes] = []
        self.tail_n = 0
        self.count = 0
        self.w = 0
        self.candidate = False
        self.memo: bytes | None = None

    def extend(self, cells: Iterable[bytes]) -> None:
        """Append cells that count one each."""
        w, candidate, tail, unit = self.w, self.candidate, self.tail, self.unit
        start = len(tail)
        for cell in cells:
            weight = unit or weight_of(cell)
            before, candidate = candidate, crc32(cell) >> CRC_SHIFT < weight
            if tail and ((w > GROUP_LEAST and candidate and not before) or w + weight > GROUP_MOST):
                self.tail_n += len(tail) - start
                self._close()
                tail, start, w = self.tail, 0, 0
            tail.append(cell)
            w += weight
        self.tail_n += len(tail) - start
        self.w, self.candidate, self.memo = w, candidate, None

    def push(self, cell: bytes, n: int) -> None:
        """Append one cell that counts `n`."""
        weight = self.unit or weight_of(cell)
        before, self.candidate = self.candidate, crc32(cell) >> CRC_SHIFT < weight
        if self.tail and (
            (self.w > GROUP_LEAST and self.candidate and not before) or self.w + weight > GROUP_MOST
        ):
            self._close()
            self.w = 0
        self.tail.append(cell)
        self.tail_n += n
        self.w += weight
        self.memo = None

    @property
    def total(self) -> int:
        """Items (or bytes of text) of the whole sequence."""
        return self.count + self.tail_n

    def middle(self) -> bytes:
        """The counted reference to what lies between head and tail, or `null`."""
        return b"null" if self.above is None else self.above.whole()

    def whole(self) -> bytes:
        """The counted reference to this whole level, as the middle of the one below."""
        if self.memo is None:
            cells = b",".join(self.tail)
            if self.head is None:
                body = b'["~g",%s]' % cells
            else:
                body = b'["~q",%d,%s,%s,[%s]]' % (self.total, self.head, self.middle(), cells)
            self.memo = counted_reference(self.put(body), self.total)
        return self.memo

    def copy(self) -> Level:
        """The same level, growing on its own from here."""
        twin = Level(self.put, unit=self.unit)
        twin.head, twin.count, twin.memo = self.head, self.count, self.memo
        twin.tail, twin.tail_n = self.tail.copy(), self.tail_n
        twin.w, twin.candidate = self.w, self.candidate
        twin.above = None if self.above is None else self.above.copy()
        return twin

    def _close(self) -> None:
        group = counted_reference(self.put(b'["~g",%s]' % b",".join(self.tail)), self.tail_n)
        self.count += self.tail_n
        if self.head is None:
            self.head = group
        else:
            if self.above is None:
                self.above = Level(self.put, unit=self.unit)
            self.above.push(group, self.tail_n)
        self.tail, self.tail_n = [], 0


def weight_of(cell: bytes) -> int:
    """What a cell adds to its group: its bytes, or as much as the block it refers to may."""
    if b'"~:' in cell and REFERENCE.search(cell):
        return CELL_WEIGHT
    length = len(cell)
    return length if length < CELL_WEIGHT else CELL_WEIGHT
