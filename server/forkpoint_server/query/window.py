"""Which part of a timeline to answer with, and how finely. Pure."""

from __future__ import annotations

from dataclasses import dataclass

EXACT_STEPS = 24_000
"""Runs of at most so many steps come whole, each step by itself."""
BUCKETS = 24_000
"""Most rows of a coarser slice: what a browser draws in a frame."""
U32 = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A half-open range of an axis, and the power of two that rows are gathered by."""

    low: int
    high: int
    power: int

    @property
    def unit(self) -> int:
        """What `start` and `end` count: the smallest power of two that keeps them in 32 bits."""
        return 1 << max((self.high - self.low).bit_length() - 32, 0)


def exact_window(low: int, high: int) -> Window:
    """All of a run, ungathered."""
    return Window(low=low, high=max(high, low + 1), power=0)


def covered_window(low: int, high: int, *, asked: tuple[int, int], width: int) -> Window:
    """Three times the asked range, on the grid of the resolution, within the run.

    The resolution is the smallest power of two that is at least one pixel of the asked range; the
    database may have to take a coarser one.
    """
    begin, end = max(asked[0], low), min(max(asked[1], asked[0] + 1), high)
    span = max(end - begin, 1)
    power = max(-(-span // max(width, 1)) - 1, 0).bit_length()
    wide_low, wide_high = max(begin - span, low), min(end + span, high)
    grid_low = wide_low >> power << power
    grid_high = -(-wide_high >> power) << power
    return Window(low=grid_low, high=max(grid_high, grid_low + 1), power=power)
