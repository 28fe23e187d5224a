"""Alignment of two sequences by their parts, loading in proportion to what changed."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Sequence
from typing import NamedTuple, cast

from forkpoint.content.parts import UNIT, Opener, Part


class Equal(NamedTuple):
    """So many items are the same, from these indexes on."""

    a: int
    b: int
    size: int


class Gap(NamedTuple):
    """Between two equal stretches: what only a has, what only b has, not yet paired."""

    a: int
    b: int
    left: list[Part]
    right: list[Part]


class Aligner:
    """Aligns two sequences: equal ends first, then parts that occur once on each side."""

    def __init__(self, opener: Opener, *, by_bytes: bool) -> None:
        self._opener = opener
        self._by_bytes = by_bytes
        self._equal: list[Equal] = []
        self._gaps: list[Gap] = []

    def align(self, left: Sequence[Part], right: Sequence[Part]) -> tuple[list[Equal], list[Gap]]:
        """Stretches that are equal, and the gaps between them, each in order."""
        waiting = [Gap(0, 0, list(left), list(right))]
        while waiting:
            waiting += self._narrow(waiting.pop())
        return sorted(self._equal), sorted(self._gaps, key=lambda gap: (gap.a, gap.b))

    def _narrow(self, gap: Gap) -> list[Gap]:
        gap = self._trim(gap)
        if not gap.left or not gap.right:
            if gap.left or gap.right:
                self._gaps.append(gap)
            return []
        anchors = _anchors(gap.left, gap.right)
        if anchors:
            return self._split(gap, anchors)
        highest = max(part.level for part in (*gap.left, *gap.right))
        if highest == UNIT:
            self._gaps.append(gap)
            return []
        return [Gap(gap.a, gap.b, *self._lower(gap, highest))]

    def _trim(self, gap: Gap) -> Gap:
        left, right = deque(gap.left), deque(gap.right)
        front = self._pop_equal(left, right, end=0)
        if front:
            self._equal.append(Equal(gap.a, gap.b, front))
        a, b = gap.a + front, gap.b + front
        back = self._pop_equal(left, right, end=-1)
        if back:
            self._equal.append(Equal(a + _size(left), b + _size(right), back))
        return Gap(a, b, list(left), list(right))

    def _pop_equal(self, left: deque[Part], right: deque[Part], *, end: int) -> int:
        """Take what is equal off both fronts (end 0) or backs (end -1); its size."""
        size = 0
        while left and right:
            x, y = left[end], right[end]
            if x.key == y.key and x.level == y.level:
                size += x.size
                for parts in (left, right):
                    _pop(parts, end=end)
                continue
            highest = max(x.level, y.level)
            if highest == UNIT:
                break
            self._opener.fetch([cast("bytes", p.key) for p in (x, y) if p.level == highest])
            for part, parts in ((x, left), (y, right)):
                if part.level == highest:
                    self._open_end(part, parts, end=end)
        return size

    def _open_end(self, part: Part, parts: deque[Part], *, end: int) -> None:
        inner = self._opener.expand(part, by_bytes=self._by_bytes)
        _pop(parts, end=end)
        if end:
            parts.extend(inner)
        else:
            parts.extendleft(reversed(inner))

    def _split(self, gap: Gap, anchors: Sequence[tuple[int, int]]) -> list[Gap]:
        """The gaps between anchors; the anchors themselves are equal."""
        gaps: list[Gap] = []
        a, b, i, j = gap.a, gap.b, 0, 0
        for x, y in (*anchors, (len(gap.left), len(gap.right))):
            inner = Gap(a, b, gap.left[i:x], gap.right[j:y])
            if inner.left or inner.right:
                gaps.append(inner)
            a, b = a + _size(inner.left), b + _size(inner.right)
            if x < len(gap.left):
                size = gap.left[x].size
                self._equal.append(Equal(a, b, size))
                a, b, i, j = a + size, b + size, x + 1, y + 1
        return gaps

    def _lower(self, gap: Gap, highest: int) -> tuple[list[Part], list[Part]]:
        """Both sides with their highest groups opened, in one load."""
        sides = (gap.left, gap.right)
        opener = self._opener
        opener.fetch([cast("bytes", p.key) for side in sides for p in side if p.level == highest])
        left, right = (
            [
                inner
                for part in side
                for inner in (
                    opener.expand(part, by_bytes=self._by_bytes)
                    if part.level == highest
                    else (part,)
                )
            ]
            for side in sides
        )
        return left, right


def _anchors(left: Sequence[Part], right: Sequence[Part]) -> list[tuple[int, int]]:
    """Positions of parts that occur once on each side, the longest run in order on both."""
    ours = Counter([part[:2] for part in left])
    theirs = Counter([part[:2] for part in right])
    places = {part[:2]: at for at, part in enumerate(right)}
    pairs = [
        (at, places[part[:2]])
        for at, part in enumerate(left)
        if ours[part[:2]] == 1 and theirs[part[:2]] == 1
    ]
    return _longest_increasing(pairs)


def _longest_increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    ends: list[int] = []  # the least last position of a run of each length
    last: list[int] = []  # which pair that is
    before: list[int] = []
    for at, (_, position) in enumerate(pairs):
        length = bisect_left(ends, position)
        before.append(last[length - 1] if length else -1)
        ends[length:] = [position, *ends[length + 1 :]]
        last[length:] = [at, *last[length + 1 :]]
    run: list[tuple[int, int]] = []
    at = last[-1] if last else -1
    while at >= 0:
        run.append(pairs[at])
        at = before[at]
    return run[::-1]


def _pop(parts: deque[Part], *, end: int) -> None:
    if end:
        parts.pop()
    else:
        parts.popleft()


def _size(parts: Sequence[Part] | deque[Part]) -> int:
    return sum([part.size for part in parts])
