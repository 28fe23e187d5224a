"""What the changed steps of one side have answered so far, to be recognised in later inputs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from forkpoint.diff.leaves import SHORT, scalars, texts

LONG = 64
"""Bytes from which a value says alone where it comes from."""
LEAST = 8
"""Bytes below which a value says nothing of where it comes from."""
MOST_PRODUCERS = 3
"""Steps that may have answered a value of 8 to 63 bytes for it to point to one of them."""
REMEMBERED = 512 * 1024
"""Characters of text in which pieces are looked for; the latest answers count."""
_BETWEEN = "\0"


class Source(NamedTuple):
    """The row that something came from, and how surely: 1, 0.5 or 0."""

    row: int
    weight: float


def weight_of(value: str, producers: int = 1) -> float:
    """Strength of a hop over a value that so many steps have answered."""
    size = len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    if size >= LONG:
        return 1.0
    return 0.5 if size >= LEAST and producers <= MOST_PRODUCERS else 0.0


class Known:
    """Values, texts, and differences that came from nowhere, each with its first row."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[int, int]] = {}
        self._carried: dict[str, dict[str, int]] = {}
        self._texts: deque[tuple[str, int]] = deque()
        self._characters = 0
        self._joined: str | None = None

    def add(self, value: object, row: int) -> None:
        """The answer of a changed step."""
        self.add_leaves(scalars(value), row)
        for text in texts(value):
            self._texts.append((text, row))
            self._characters += len(text)
            self._joined = None
        while self._characters > REMEMBERED:
            self._characters -= len(self._texts.popleft()[0])

    def add_leaves(self, leaves: Iterable[str], row: int) -> None:
        """Values that a step answered."""
        for leaf in leaves:
            first, count = self._values.get(leaf, (row, 0))
            self._values[leaf] = first, count + 1

    def carry(self, part: str, leaves: Iterable[str], row: int) -> None:
        """A difference that nothing explains; short leaves count in the same part only."""
        for leaf in leaves:
            self._carried.setdefault(part if len(leaf) < SHORT else "", {}).setdefault(leaf, row)

    def settle(self, part: str) -> None:
        """The part is equal again: what differs in it later is another difference."""
        self._carried.pop(part, None)

    def source(self, leaf: str) -> Source | None:
        """The first changed step that answered this value."""
        found = self._values.get(leaf)
        return None if found is None else Source(found[0], weight_of(leaf, found[1]))

    def carried(self, part: str, leaf: str) -> Source | None:
        """The row where this difference was first seen."""
        row = self._carried.get(part if len(leaf) < SHORT else "", {}).get(leaf)
        return None if row is None else Source(row, weight_of(leaf))

    def containing(self, leaf: str) -> Source | None:
        """The step whose text is a piece of this leaf, or has this leaf as a piece."""
        if len(leaf) < SHORT or not self._texts:
            return None
        for text, row in self._texts:
            if text in leaf:
                return Source(row, weight_of(text))
        if self._joined is None:
            self._joined = _BETWEEN.join(text for text, _ in self._texts)
        at = self._joined.find(leaf)
        return None if at < 0 else Source(self._row_at(at), weight_of(leaf))

    def _row_at(self, place: int) -> int:
        for text, row in self._texts:
            place -= len(text) + 1
            if place < 0:
                return row
        raise AssertionError("the place lies in the joined texts")
