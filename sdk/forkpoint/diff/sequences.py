"""Order-preserving matchings of two sequences: increasing subsequences, LCS, affine alignment."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from itertools import accumulate

Pair = tuple[int, int]


def longest_increasing(values: Sequence[int]) -> list[int]:
    """Indexes of one longest strictly increasing subsequence, O(n log n) (patience sorting)."""
    tails: list[int] = []
    tail_at: list[int] = []
    before = [-1] * len(values)
    highest = -1 if not values else min(values) - 1
    for index, value in enumerate(values):
        if value > highest:  # the common case: what is in order already
            before[index] = tail_at[-1] if tail_at else -1
            tails.append(value)
            tail_at.append(index)
            highest = value
            continue
        place = bisect_left(tails, value)
        before[index] = tail_at[place - 1] if place else -1
        tails[place] = value
        tail_at[place] = index
        highest = tails[-1]
    chain: list[int] = []
    index = tail_at[-1] if tail_at else -1
    while index >= 0:
        chain.append(index)
        index = before[index]
    return chain[::-1]


def unique_matches(
    left: Sequence[Hashable], right: Sequence[Hashable], absent: Hashable = -1
) -> list[Pair]:
    """Pairs of values that occur once on each side, kept in order. `absent` never matches."""
    place = _single(right)
    found = [
        (at, place[value])
        for value, at in _single(left).items()
        if value in place and value != absent
    ]
    return [found[at] for at in longest_increasing([right_at for _, right_at in found])]


def _single(values: Sequence[Hashable]) -> dict[Hashable, int]:
    """Place of each value that occurs once, in order."""
    places: dict[Hashable, int] = {}
    again: set[Hashable] = set()
    for at, value in enumerate(values):
        if value in places:
            again.add(value)
        else:
            places[value] = at
    for value in again:
        del places[value]
    return places


def common_subsequence(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[Pair]:
    """One longest common subsequence, bit-parallel over big integers.

    H. Hyyrö, "Bit-parallel LCS-length computation revisited", AWOCA 2004. Only a band round the
    diagonal is looked at: if few enough steps stay alone no better way leads out of it (E. Ukkonen,
    "Algorithms for approximate string matching", 1985), else it is made wider.
    """
    band = max(NARROWEST, abs(len(left) - len(right)) + len(left) // NARROW)
    while 4 * band < len(left):
        banded = _Banded(left, right, band)
        found = banded.way_back()
        if max(len(left), len(right)) - len(found) <= band:
            return found
        band *= 4
    return _way_back(_states(left, right), left, right, len(left), len(right))


NARROWEST = 64
NARROW = 64
"""The band is at first a sixty-fourth of the left side wide, on both sides of the diagonal."""
BLOCK = 256
"""Values of the right side over which the band stands still."""


class _Banded:
    """The states of `_states` as far as they lie in a band, which moves on block by block.

    Outside of it nothing is paired: a state begins with all ones, and what has left the band no
    longer changes.
    """

    def __init__(self, left: Sequence[Hashable], right: Sequence[Hashable], band: int) -> None:
        self._left, self._right = left, right
        self._states: list[int] = []
        self._starts: list[int] = []
        masks = _masks(left)
        state, start = 0, 0
        end = 0
        for block in range(0, len(right), BLOCK):
            state >>= (begin := min(len(left), max(0, block - band))) - start
            start, before = begin, end
            end = min(len(left), block + BLOCK + band)
            state |= ((1 << end - before) - 1) << before - start
            full = (1 << end - start) - 1
            inside = {value: mask >> start & full for value, mask in masks.items()}
            for value in right[block : block + BLOCK]:
                hits = state & inside.get(value, 0)
                state = ((state + hits) | (state ^ hits)) & full
                self._states.append(state)
            self._starts.append(start)

    def way_back(self) -> list[Pair]:
        """As `_way_back`; where the band ends the way goes on along its edge."""
        left, right, states = self._left, self._right, self._states
        column, row = len(left), len(right)
        pairs: list[Pair] = []
        for block in range(len(self._starts) - 1, -1, -1):
            first, start = block * BLOCK, self._starts[block]
            while row > first and column:
                if column <= start:
                    row -= 1
                elif left[column - 1] == right[row - 1]:
                    column, row = column - 1, row - 1
                    pairs.append((column, row))
                elif states[row - 1] >> column - 1 - start & 1:
                    column -= 1
                else:
                    row -= 1
        return pairs[::-1]


def common_beginning(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[Pair]:
    """As `common_subsequence`, of the beginning of one side and all of the other.

    The end is chosen so that the fewest values in front of it stay alone: for windows into longer
    sequences, whose true ends are elsewhere.
    """
    states, width = _states(left, right), len(left)
    # with all of the left side: steps alone after each value of the right one
    rows = [at - width + 2 * grown for at, grown in enumerate(map(int.bit_count, states), start=1)]
    # with all of the right side: after each value of the left one, by the bits of the last state
    bits = f"{states[-1] if states else 0:0{width}b}"[::-1]
    columns = list(accumulate(map(_ALONE.__getitem__, bits[:width]), initial=len(right)))[1:]
    best_row, best_column = min(rows, default=width), min(columns, default=len(right))
    if best_row <= best_column and rows:
        column, row = width, rows.index(best_row) + 1
    else:
        column, row = columns.index(best_column) + 1 if columns else 0, len(right)
    return _way_back(states, left, right, column, row)


_ALONE = {"0": -1, "1": 1}
"""A bit of a state: 0 where the common subsequence grows, one step less that is alone."""


def _states(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[int]:
    """After each value of `right`: bit i is 0 where the subsequence grows at left[i]."""
    masks = _masks(left)
    full = (1 << len(left)) - 1
    state, states = full, list[int]()
    for value in right:
        hits = state & masks.get(value, 0)
        state = ((state + hits) | (state ^ hits)) & full
        states.append(state)
    return states


def _masks(values: Sequence[Hashable]) -> dict[Hashable, int]:
    """Of each value: a bit for each place where it stands."""
    order = {value: at for at, value in enumerate(dict.fromkeys(values))}
    if len(order) > FEW_VALUES:
        masks: dict[Hashable, int] = {}
        for at, value in enumerate(values):
            masks[value] = masks.get(value, 0) | 1 << at
        return masks
    text = bytes(map(order.__getitem__, reversed(values)))
    table = bytes([_ZERO]) * 256
    return {
        value: int(text.translate(table[:at] + bytes([_ONE]) + table[at + 1 :]), 2)
        for value, at in order.items()
    }


FEW_VALUES = 16
"""Values up to which the places of each are read off the whole sequence."""
_ZERO, _ONE = b"01"


def _way_back(
    states: list[int],
    left: Sequence[Hashable],
    right: Sequence[Hashable],
    column: int,
    row: int,
) -> list[Pair]:
    """Two equal last values can always be paired; where they differ the states say which goes."""
    pairs: list[Pair] = []
    while row and column:
        if left[column - 1] == right[row - 1]:
            column, row = column - 1, row - 1
            pairs.append((column, row))
        elif states[row - 1] >> (column - 1) & 1:
            column -= 1
        else:
            row -= 1
    return pairs[::-1]


def best_alignment(scores: Sequence[Sequence[int]], *, opened: int, longer: int) -> list[Pair]:
    """The pairs of the global alignment with the greatest sum of scores, gaps being affine.

    A gap of n steps costs `opened` + (n - 1) * `longer` (both negative). Only pairs of positive
    score are given back. O(rows * columns), for small gaps. Three tables after O. Gotoh, "An
    improved algorithm for matching biological sequences", J. Mol. Biol. 162 (1982).
    """
    rows, columns = len(scores), len(scores[0])
    width = columns + 1
    ways = bytearray((rows + 1) * width)
    best = [0, *(opened + longer * at for at in range(columns))]
    down = [_NEVER] * width
    for column in range(1, width):
        ways[column] = _RIGHT | (_RIGHT_LONGER if column > 1 else 0)
    for row in range(1, rows + 1):
        across = _NEVER
        diagonal, best[0] = best[0], opened + longer * (row - 1)
        ways[row * width] = _DOWN | (_DOWN_LONGER if row > 1 else 0)
        cells = scores[row - 1]
        for column in range(1, width):
            way = 0
            above, beside = best[column] + opened, best[column - 1] + opened
            down_longer, across_longer = down[column] + longer, across + longer
            if down_longer > above:
                above, way = down_longer, _DOWN_LONGER
            if across_longer > beside:
                beside, way = across_longer, way | _RIGHT_LONGER
            down[column], across = above, beside
            here = diagonal + cells[column - 1]
            if above >= here:  # of equal alignments the one that pairs early
                here, way = above, way | _DOWN
            if beside > here or (beside == here and not way & _DOWN):
                here, way = beside, way & ~_DOWN | _RIGHT
            diagonal, best[column] = best[column], here
            ways[row * width + column] = way
    return _walk_back(ways, scores, rows, columns)


_NEVER = -(10**9)
_DOWN, _RIGHT, _DOWN_LONGER, _RIGHT_LONGER = 1, 2, 4, 8
"""What led to a cell; the last two: whether a gap that ends here began before it."""


def _walk_back(
    ways: bytearray, scores: Sequence[Sequence[int]], rows: int, columns: int
) -> list[Pair]:
    pairs: list[Pair] = []
    width, row, column = columns + 1, rows, columns
    going = 0
    while row and column:
        way = ways[row * width + column]
        going = going or way & (_DOWN | _RIGHT)
        if going == _DOWN:
            going = going if way & _DOWN_LONGER else 0
            row -= 1
        elif going == _RIGHT:
            going = going if way & _RIGHT_LONGER else 0
            column -= 1
        else:
            row, column = row - 1, column - 1
            if scores[row][column] > 0:
                pairs.append((row, column))
    return pairs[::-1]
