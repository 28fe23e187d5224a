"""Texts of B that come out of texts of A when changed answers are put in the place of the old."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from forkpoint.diff.known import Source, weight_of
from forkpoint.diff.leaves import SHORT, leaves

MOST = 1024
"""Pairs of texts that are tried; the latest count."""
FEW = 32
"""Leaves of one difference up to which each is tried against each for short answers."""


class Substitution:
    """(A's text, B's text) of the answers that changed."""

    def __init__(self) -> None:
        self._long: dict[tuple[str, str], int] = {}
        self._short: dict[tuple[str, str], int] = {}

    def add(self, before: object, after: object, row: int) -> None:
        """The two answers of a changed step, leaf by leaf and as they are printed whole."""
        for old, new in _text_pairs(before, after):
            pairs = self._long if len(old) >= SHORT else self._short
            pairs.setdefault((old, new), row)
            if len(pairs) > MOST:
                del pairs[next(iter(pairs))]

    def explained(self, gone: Iterable[str], new: Iterable[str]) -> Mapping[str, Source]:
        """Leaves of both sides that turn into each other."""
        wanted = {leaf for leaf in new if len(leaf) > 1}
        found: dict[str, Source] = {}
        for leaf in gone if wanted and (self._long or self._short) else ():
            source, turned = self._turned(leaf, wanted)
            if source is not None:
                found[leaf] = found[turned] = source
        return found

    def turned(self, gone: str, new: str) -> Source | None:
        """As `explained`, of one text on each side."""
        if len(new) < 2 or not (self._long or self._short):
            return None
        return self._turned(gone, {new})[0]

    def _turned(self, leaf: str, wanted: set[str]) -> tuple[Source | None, str]:
        turned, source = leaf, None
        for (old, new), row in self._long.items():
            if old in turned:
                turned = turned.replace(old, new)
                source = source or Source(row, weight_of(new))
        if turned in wanted and source is not None:
            return source, turned
        for other in wanted if self._short and len(wanted) <= FEW else ():
            row = self._short.get(_middles(turned, other))
            if row is not None:
                return Source(row, 0.0), other
        return None, turned


def _middles(one: str, two: str) -> tuple[str, str]:
    """What is left of two texts without their common beginning and end, whole words."""
    if one[:1] != two[:1] and one[-1:] != two[-1:]:
        return one, two
    start = _common(one, two)
    while start and _in_word(one, start) | _in_word(two, start):
        start -= 1
    tail = _common(one[start:][::-1], two[start:][::-1])
    while tail and _in_word(one, len(one) - tail) | _in_word(two, len(two) - tail):
        tail -= 1
    return one[start : len(one) - tail], two[start : len(two) - tail]


def _common(one: str, two: str) -> int:
    """Characters with which both begin."""
    low, high = 0, min(len(one), len(two))
    if high < FEW:
        for at, (left, right) in enumerate(zip(one, two, strict=False)):
            if left != right:
                return at
        return high
    while low < high:  # by halves, since slices compare in C
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == two[:middle] else (low, middle - 1)
    return low


def _in_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()


def _text_pairs(before: object, after: object) -> Iterator[tuple[str, str]]:
    if isinstance(before, str) and isinstance(after, str):
        if before != after:
            yield before, after
        return
    left, right = dict(leaves(before)), dict(leaves(after))
    for pointer, old in left.items():
        new = right.get(pointer)
        if isinstance(old, str | int | float) and isinstance(new, str | int | float) and old != new:
            yield str(old), str(new)
    yield from (
        (old, new)
        for old, new in zip(_printed(before), _printed(after), strict=True)
        if len(old) >= SHORT
    )


def _printed(value: object) -> tuple[str, str, str]:
    """A value as programs put it into a text."""
    try:
        spaced, compact = json.dumps(value), json.dumps(value, separators=(",", ":"))
    except (TypeError, ValueError):
        spaced = compact = ""
    return spaced, compact, str(value)
