"""Passes A5 to A8: what is paired in a gap where no digest helps."""

from __future__ import annotations

from collections.abc import Sequence
from operator import eq
from typing import NamedTuple

from forkpoint.diff.interning import Interned, Numbers
from forkpoint.diff.lanes import AMBIGUOUS, COARSE, DELTA, SAME, SIMILAR, TYPE, Gap, PlainLane
from forkpoint.diff.sequences import Pair, best_alignment, common_beginning, common_subsequence
from forkpoint.diff.sketch import HASHES, NO_SKETCH

SMALL_GAP = 4096
"""Cells of a gap that is aligned by scores."""
SCORED = 40_000
"""Cells aligned by scores in one comparison."""
LARGE_GAP = 200_000_000
"""Cells above which types are matched in windows."""
WINDOW = 2048
_UNIT = 20
"""One point of a score: a gap costs one, each longer by 0.2, an agreeing sketch gives 0.25."""


class GapWork:
    """Aligns what is left in gaps; the budget of scored cells is one for the comparison."""

    def __init__(self, columns: Interned) -> None:
        self._columns = columns
        self._left = SCORED

    def pair(self, lane: PlainLane) -> None:
        """Pair in every open gap of a lane."""
        if not lane.gaps():
            return
        lane.pair_alike(self._columns.type, TYPE)
        gaps = lane.gaps()
        if not gaps:
            return
        types = lane.spread(self._columns.type)
        score: _Score | None = None
        for gap in gaps:
            a0, a1, b0, b1 = gap
            left, right = types[0][a0:a1], types[1][b0:b1]
            cells = len(left) * len(right)
            if cells <= min(SMALL_GAP, self._left):
                score = score or _Score(self._columns, lane)
                self._left -= cells
                self._scored(lane, gap, score, few_types=_few(left, right))
            else:
                self._by_type(lane, gap, left, right)

    def _scored(self, lane: PlainLane, gap: Gap, score: _Score, *, few_types: bool) -> None:
        """A6."""
        a0, a1, b0, b1 = gap
        ones, twos = score.traits(0, a0, a1), score.traits(1, b0, b1)
        table = [[_points(one, two) for two in twos] for one in ones]
        found = best_alignment(table, opened=-_UNIT, longer=-_UNIT // 5)
        hows = [_how(ones[row], twos[column]) for row, column in found]
        doubtful = few_types and a1 - a0 != b1 - b0 and set(hows) == {TYPE}
        for (row, column), how in zip(found, hows, strict=True):
            lane.add(((a0 + row, b0 + column),), AMBIGUOUS if doubtful else how)

    def _by_type(self, lane: PlainLane, gap: Gap, left: Numbers, right: Numbers) -> None:
        """A7, A8."""
        a0, _, b0, _ = gap
        large = len(left) * len(right) > LARGE_GAP
        found = _windowed(left, right) if large else common_subsequence(left, right)
        doubtful = len(left) != len(right) and _few(left, right)
        how = AMBIGUOUS if doubtful else COARSE if large else TYPE
        lane.add_all([a0 + row for row, _ in found], [b0 + column for _, column in found], how)


class _Traits(NamedTuple):
    """What a step is scored by."""

    signature: int
    delta: int
    type: int
    kind: int
    site: str | None
    hashes: Sequence[int]
    """Of its sketch; empty if there is none."""


class _Score:
    """Reads the traits of places in a lane; few are looked at, so no column is spread."""

    def __init__(self, columns: Interned, lane: PlainLane) -> None:
        self._columns = columns
        self._places = lane.places.a, lane.places.b
        numbered = (columns.signature, columns.delta, columns.type, columns.kind)
        self._numbers = [column.a for column in numbered], [column.b for column in numbered]
        sketches = columns.sketches if columns.has_sketches else (b"", b"")
        self._sketches = [memoryview(side).cast("I") for side in sketches]

    def traits(self, side: int, begin: int, end: int) -> list[_Traits]:
        """Of some places of A (0) or B (1)."""
        signature, delta, type_, kind = self._numbers[side]
        sketches, site = self._sketches[side], self._columns.site
        return [
            _Traits(
                signature[at],
                delta[at],
                type_[at],
                kind[at],
                site(side, at),
                () if (hashes := sketches[HASHES * at :][:HASHES]) == _UNKNOWN else hashes.tolist(),
            )
            for at in self._places[side][begin:end]
        ]


_UNKNOWN = memoryview(NO_SKETCH).cast("I")


def _points(one: _Traits, two: _Traits) -> int:
    """4 for an equal signature, 3 delta, 2 type and site, 1 type, -1 kind, else -3; times 20.

    Steps of one kind only are no pair, so they must not be worth more than two gaps: a true pair
    beside one lost and one new step would be given up for them.
    """
    if one[0] == two[0] >= 0:
        return 4 * _UNIT
    if one[1] == two[1] >= 0:
        return 3 * _UNIT
    if one[2] == two[2]:
        points = 2 if one[4] is not None and one[4] == two[4] else 1
        return points * _UNIT + sum(map(eq, one[5], two[5])) * _UNIT // HASHES
    return -_UNIT if one[3] == two[3] else -3 * _UNIT


def _how(one: _Traits, two: _Traits) -> int:
    """What a pair is known by."""
    if one.signature == two.signature >= 0:
        return SAME
    if one.delta == two.delta >= 0:
        return DELTA
    return SIMILAR if any(map(eq, one.hashes, two.hashes)) else TYPE


def _few(left: Sequence[int], right: Sequence[int]) -> bool:
    """Whether types tell so little that another pairing is as good."""
    return len({*left, *right}) <= 2


def _windowed(left: Numbers, right: Numbers) -> list[Pair]:
    """A8: match windows of types, commit the first half of each, and move on."""
    pairs: list[Pair] = []
    at = other = 0
    while at < len(left) and other < len(right):
        last = at + WINDOW >= len(left) and other + WINDOW >= len(right)
        match = common_subsequence if last else common_beginning
        found = match(left[at : at + WINDOW], right[other : other + WINDOW])
        kept = found if last else found[: max(1, len(found) // 2)]
        if not kept:
            at, other = at + WINDOW // 2, other + WINDOW // 2
            continue
        pairs += [(at + row, other + column) for row, column in kept]
        at, other = at + kept[-1][0] + 1, other + kept[-1][1] + 1
    return pairs
