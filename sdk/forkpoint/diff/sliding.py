"""Where a lost or new stretch of equal steps begins: at the call that asks for the others.

A loop of turns that repeat themselves leaves several stretches to choose from: of `model tool`
twice `model tool` may be lost, or `tool model`. Both pair as many steps; only the first reads as a
turn, and only then is the root what asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from forkpoint.diff.interning import Column
from forkpoint.diff.lanes import SAME, PlainLane

FARTHEST = 64
"""Steps that a stretch is moved at most."""


def slide(
    lane: PlainLane,
    column: Column,
    asks: tuple[Callable[[int], bool], Callable[[int], bool]],
) -> None:
    """Move stretches of one side to where they begin with a step that asks; pairs stay equal.

    `asks` says for each side whether the step at a place is a model's or a planner's.
    """
    signature = lane.spread(column)
    for side in (0, 1):
        twins = lane.back() if side else lane.forth()
        limits = {start[side] for start in lane.places.starts}
        for begin, end in _stretches(twins, limits):
            by = _distance(twins, signature[side], asks[side], (begin, end), limits)
            taken = range(end, end + by) if by > 0 else range(begin - 1, begin - 1 + by, -1)
            given = range(begin, begin + by) if by > 0 else range(end - 1, end - 1 + by, -1)
            for source, target in zip(taken, given, strict=True):
                twin = twins[source]
                if lane.hows[twin if side else source] != SAME:
                    break
                lane.take(twin if side else source)
                lane.add(((twin, target) if side else (target, twin),), SAME)


def _stretches(twins: Sequence[int], limits: set[int]) -> list[tuple[int, int]]:
    """Places without a twin whose neighbours' twins are neighbours too."""
    found: list[tuple[int, int]] = []
    at = 0
    while True:
        try:
            begin = at = twins.index(-1, at)
        except ValueError:
            return found
        while at < len(twins) and twins[at] < 0:
            at += 1
        closed = at == len(twins) or at in limits or twins[at] == twins[begin - 1] + 1
        if begin and begin not in limits and closed:
            found.append((begin, at))


def _distance(
    twins: Sequence[int],
    signature: Sequence[int],
    asks: Callable[[int], bool],
    stretch: tuple[int, int],
    limits: set[int],
) -> int:
    """Places to the right, or to the left if negative, to a beginning that asks; 0 if none does."""
    begin, end = stretch
    if asks(begin):
        return 0
    right = ((by, end + by - 1, begin + by - 1, end + by - 1) for by in range(1, FARTHEST))
    left = ((-by, begin - by, end - by, begin - by + 1) for by in range(1, FARTHEST))
    for ways in (right, left):
        for by, source, target, border in ways:
            if not 0 <= source < len(twins) or twins[source] < 0 or border in limits:
                break
            if signature[source] != signature[target] or signature[source] < 0:
                break
            if asks(begin + by):
                return by
    return 0
