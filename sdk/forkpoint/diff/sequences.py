"""Order-preserving matchings of two sequences: increasing subsequences, LCS, Needleman-Wunsch."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Sequence

Pair = tuple[int, int]


def longest_increasing(values: Sequence[int]) -> list[int]:
    """Indexes of one longest strictly increasing subsequence, O(n log n) (patience sorting)."""
    tails: list[int] = []
    tail_at: list[int] = []
    before = [-1] * len(values)
    for index, value in enumerate(values):
        place = bisect_left(tails, value)
        before[index] = tail_at[place - 1] if place else -1
        if place == len(tails):
            tails.append(value)
            tail_at.append(index)
        else:
            tails[place] = value
            tail_at[place] = index
    chain: list[int] = []
    index = tail_at[-1] if tail_at else -1
    while index >= 0:
        chain.append(index)
        index = before[index]
    return chain[::-1]


def unique_matches(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[Pair]:
    """Pairs of values that occur once on each side, kept in order. None values never match."""
    once_left, once_right = Counter(left), Counter(right)
    place = {value: at for at, value in enumerate(right) if once_right[value] == 1}
    found = [
        (at, place[value])
        for at, value in enumerate(left)
        if value is not None and once_left[value] == 1 and value in place
    ]
    return [found[at] for at in longest_increasing([right_at for _, right_at in found])]


def common_subsequence(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[Pair]:
    """One longest common subsequence, bit-parallel over big integers.

    H. Hyyrö, "Bit-parallel LCS-length computation revisited", AWOCA 2004; memory
    len(left) * len(right) / 8 bytes for the way back.
    """
    masks: dict[Hashable, int] = {}
    for at, value in enumerate(left):
        masks[value] = masks.get(value, 0) | 1 << at
    full = (1 << len(left)) - 1
    state, rows = full, list[int]()
    for value in right:
        hits = state & masks.get(value, 0)
        state = ((state + hits) | (state - hits)) & full
        rows.append(state)
    pairs: list[Pair] = []
    column, row = len(left), len(rows)
    while row and column:
        if rows[row - 1] >> (column - 1) & 1:
            column -= 1
            continue
        row -= 1
        if row == 0 or rows[row - 1] >> (column - 1) & 1:
            column -= 1
            pairs.append((column, row))
    return pairs[::-1]


def best_alignment(
    rows: int, columns: int, score: Callable[[int, int], float], *, gap: float = -1.0
) -> list[Pair]:
    """Needleman-Wunsch: the pairs of the alignment with the greatest sum of scores.

    A pair is kept only if its own score is positive. O(rows * columns), for small gaps.
    """
    width = columns + 1
    table = [0.0] * ((rows + 1) * width)
    scores = [score(row, column) for row in range(rows) for column in range(columns)]
    for row in range(1, rows + 1):
        table[row * width] = row * gap
    for column in range(1, width):
        table[column] = column * gap
    for row in range(1, rows + 1):
        here, above = row * width, (row - 1) * width
        for column in range(1, width):
            table[here + column] = max(
                table[above + column - 1] + scores[(row - 1) * columns + column - 1],
                table[above + column] + gap,
                table[here + column - 1] + gap,
            )
    return _walk_back(table, scores, rows, columns, gap)


def _walk_back(
    table: list[float], scores: list[float], rows: int, columns: int, gap: float
) -> list[Pair]:
    pairs: list[Pair] = []
    width, row, column = columns + 1, rows, columns
    while row and column:
        here = table[row * width + column]
        own = scores[(row - 1) * columns + column - 1]
        if here == table[(row - 1) * width + column - 1] + own:
            row, column = row - 1, column - 1
            if own > 0:
                pairs.append((row, column))
        elif here == table[(row - 1) * width + column] + gap:
            row -= 1
        else:
            column -= 1
    return pairs[::-1]
