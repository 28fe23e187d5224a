"""Which scope of A is which scope of B: strands, and steps with inner steps (diff guide, 2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice

from forkpoint.diff.columns import StepRow

LEAST_OVERLAP = 0.2
LABEL_BONUS = 0.1
EXACT = 64
"""Strands a side up to which the assignment with the greatest overlap is found."""
Strands = Mapping[str, Sequence[StepRow]]


def pair_strands(a: Strands, b: Strands, *, inside: tuple[str, str]) -> list[tuple[str, str]]:
    """Pairs by equal path, then equal first signature, then the best assignment by overlap.

    Names are tried first because scopes have them; tree edit distance would be quadratic. More than
    64 strands without a name in common are assigned 64 at a time, in their order.
    """
    left, right = dict(a), dict(b)
    pairs = [
        (path, twin) for path in a if (twin := inside[1] + path.removeprefix(inside[0])) in right
    ]
    _drop(pairs, left, right)
    firsts = {
        steps[0].signature: path for path, steps in right.items() if steps and steps[0].signature
    }
    same_first = [
        (path, firsts.pop(steps[0].signature))
        for path, steps in left.items()
        if steps and steps[0].signature in firsts
    ]
    _drop(same_first, left, right)
    pairs += same_first
    while left and right:
        pairs += _assigned(
            {path: left.pop(path) for path in list(islice(left, EXACT))},
            {path: right.pop(path) for path in list(islice(right, EXACT))},
        )
    return pairs


def _drop(
    pairs: Sequence[tuple[str, str]],
    left: dict[str, Sequence[StepRow]],
    right: dict[str, Sequence[StepRow]],
) -> None:
    for one, two in pairs:
        left.pop(one, None)
        right.pop(two, None)


def _assigned(left: Strands, right: Strands) -> list[tuple[str, str]]:
    """The assignment with the greatest sum of overlaps, without pairs below 0.2."""
    ones, twos = list(left), list(right)
    bags_a = [_Bags(left[path]) for path in ones]
    bags_b = [_Bags(right[path]) for path in twos]
    gains = [
        [
            one.overlap(two) + _label_bonus(ones[row], twos[column])
            for column, two in enumerate(bags_b)
        ]
        for row, one in enumerate(bags_a)
    ]
    return [
        (ones[row], twos[column])
        for row, column in greatest_assignment(gains)
        if gains[row][column] >= LEAST_OVERLAP
    ]


class _Bags:
    """What a strand did, as bags."""

    def __init__(self, steps: Sequence[StepRow]) -> None:
        self.length = len(steps)
        self.signatures = Counter(step.signature for step in steps if step.signature)
        self.deltas = Counter(step.delta for step in steps if step.delta)
        self.types = Counter((step.kind, step.name) for step in steps)

    def overlap(self, other: _Bags) -> float:
        """(2 |sig| + |delta| + 0.5 |type|) / (3.5 max length) over common bag entries."""
        length = max(self.length, other.length)
        if not length:
            return 0.0
        weight = 2 * (self.signatures & other.signatures).total()
        weight += (self.deltas & other.deltas).total()
        return (weight + 0.5 * (self.types & other.types).total()) / (3.5 * length)


def _label_bonus(one: str, two: str) -> float:
    label = one.rpartition("/")[2].split(".")[1:2]
    return LABEL_BONUS if label and label == two.rpartition("/")[2].split(".")[1:2] else 0.0


def greatest_assignment(gains: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """(row, column) pairs, each used once, with the greatest sum of gains; O(n^3).

    H. W. Kuhn, "The Hungarian method for the assignment problem", 1955, in the form with
    potentials and shortest augmenting paths.
    """
    if len(gains) > len(gains[0]):
        turned = [list(column) for column in zip(*gains, strict=True)]
        return sorted((column, row) for row, column in greatest_assignment(turned))
    count, width = len(gains), len(gains[0])
    row_price, column_price = [0.0] * (count + 1), [0.0] * (width + 1)
    holder = [0] * (width + 1)
    for row in range(1, count + 1):
        holder[0] = row
        _augment(gains, row_price, column_price, holder)
    return sorted(
        (holder[column] - 1, column - 1) for column in range(1, width + 1) if holder[column]
    )


def _augment(
    gains: Sequence[Sequence[float]],
    row_price: list[float],
    column_price: list[float],
    holder: list[int],
) -> None:
    """Find a place for the row that holds column 0, moving others where that is cheaper."""
    width = len(column_price) - 1
    least, via = [float("inf")] * (width + 1), [0] * (width + 1)
    used = [False] * (width + 1)
    at = 0
    while holder[at]:
        used[at] = True
        row = holder[at]
        for column in range(1, width + 1):
            if used[column]:
                continue
            cost = -gains[row - 1][column - 1] - row_price[row] - column_price[column]
            if cost < least[column]:
                least[column], via[column] = cost, at
        following = min((c for c in range(1, width + 1) if not used[c]), key=least.__getitem__)
        change = least[following]
        for column in range(width + 1):
            if used[column]:
                row_price[holder[column]] += change
                column_price[column] -= change
            else:
                least[column] -= change
        at = following
    while at:
        holder[at] = holder[via[at]]
        at = via[at]
