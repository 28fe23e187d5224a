"""The result of an alignment: which step of A is which step of B, as columns."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from forkpoint.diff.lanes import AMBIGUOUS, COARSE, HOWS


@dataclass(frozen=True, slots=True)
class Aligned:
    """A pair of step indexes and the pass that found it."""

    a: int
    b: int
    how: str


@dataclass(frozen=True)
class Alignment:
    """All pairs by index in A: the twin's index in B or -1, and the pass that found it."""

    twins: Sequence[int]
    hows: bytes | bytearray
    """0 where there is no pair."""
    length_b: int

    @cached_property
    def back(self) -> array[int]:
        """Index in B -> index in A or -1."""
        back = array("i", [-1]) * self.length_b
        for at, twin in enumerate(self.twins):
            if twin >= 0:
                back[twin] = at
        return back

    @property
    def pairs(self) -> list[Aligned]:
        """All pairs, by index in A."""
        return [
            Aligned(at, twin, HOWS[self.hows[at]])
            for at, twin in enumerate(self.twins)
            if twin >= 0
        ]

    @property
    def only_a(self) -> list[int]:
        """Steps without a twin in B."""
        return [at for at, twin in enumerate(self.twins) if twin < 0]

    @property
    def only_b(self) -> list[int]:
        """Steps without a twin in A."""
        return [at for at, twin in enumerate(self.back) if twin < 0]

    @cached_property
    def coarse(self) -> int:
        """Pairs found in windows because the gap was too large."""
        return self.hows.count(COARSE)

    @cached_property
    def ambiguous(self) -> int:
        """Pairs by type alone in gaps where another pairing is as good."""
        return self.hows.count(AMBIGUOUS)
