"""Passes A5 to A8: what is paired in a gap where no digest helps."""

from __future__ import annotations

from collections.abc import Sequence

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
        gaps = lane.gaps()
        if not gaps:
            return
        types = lane.spread(self._columns.type)
        score: _Score | None = None
        for gap in gaps:
            a0, a1, b0, b1 = gap
            left, right = types[0][a0:a1], types[1][b0:b1]
            cells = len(left) * len(right)
            if left == right:
                lane.add(((a0 + at, b0 + at) for at in range(len(left))), TYPE)
            elif cells <= min(SMALL_GAP, self._left):
                score = score or _Score(self._columns, lane)
                self._left -= cells
                self._scored(lane, gap, score, few_types=_few(left, right))
            else:
                self._by_type(lane, gap, left, right)

    def _scored(self, lane: PlainLane, gap: Gap, score: _Score, *, few_types: bool) -> None:
        """A6."""
        a0, a1, b0, b1 = gap
        found = best_alignment(
            a1 - a0,
            b1 - b0,
            lambda row, column: score.of(a0 + row, b0 + column),
            opened=-_UNIT,
            longer=-_UNIT // 5,
        )
        hows = [score.how(a0 + row, b0 + column) for row, column in found]
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
        lane.add(((a0 + row, b0 + column) for row, column in found), how)


class _Score:
    """Scores of pairs of places in a lane, times 20; few are looked at, so no column is spread."""

    def __init__(self, columns: Interned, lane: PlainLane) -> None:
        self._steps_a, self._steps_b = lane.places.a, lane.places.b
        self._signature, self._delta, self._type, self._kind = (
            (column.a, column.b)
            for column in (columns.signature, columns.delta, columns.type, columns.kind)
        )
        self._same_site = columns.same_site
        self._sketches = columns.sketches if columns.has_sketches else None

    def of(self, left: int, right: int) -> int:
        """4 for an equal signature, 3 delta, 2 type and site, 1 type, -1 kind, else -3.

        Steps of one kind only are no pair, so they must not be worth more than two gaps: a true
        pair beside one lost and one new step would be given up for them.
        """
        one, two = self._steps_a[left], self._steps_b[right]
        if self._signature[0][one] == self._signature[1][two] >= 0:
            return 4 * _UNIT
        if self._delta[0][one] == self._delta[1][two] >= 0:
            return 3 * _UNIT
        if self._type[0][one] == self._type[1][two]:
            points = 2 if self._same_site(one, two) else 1
            return points * _UNIT + self._agreeing(one, two) * _UNIT // HASHES
        return -_UNIT if self._kind[0][one] == self._kind[1][two] else -3 * _UNIT

    def how(self, left: int, right: int) -> int:
        """What a pair is known by."""
        one, two = self._steps_a[left], self._steps_b[right]
        if self._signature[0][one] == self._signature[1][two] >= 0:
            return SAME
        if self._delta[0][one] == self._delta[1][two] >= 0:
            return DELTA
        return SIMILAR if self._agreeing(one, two) else TYPE

    def _agreeing(self, one: int, two: int) -> int:
        """Hashes that two steps have in common."""
        if self._sketches is None:
            return 0
        a, b = (
            sketches[at * len(NO_SKETCH) : (at + 1) * len(NO_SKETCH)]
            for sketches, at in zip(self._sketches, (one, two), strict=True)
        )
        if NO_SKETCH in (a, b):
            return 0
        return sum(a[at : at + 4] == b[at : at + 4] for at in range(0, 4 * HASHES, 4))


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
