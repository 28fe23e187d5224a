"""Which strand of A is which strand of B, among those spawned in one pair of scopes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product

from forkpoint.diff.columns import StepRow

LEAST_OVERLAP = 0.2
LABEL_BONUS = 0.1


def pair_strands(
    a: Mapping[str, Sequence[StepRow]],
    b: Mapping[str, Sequence[StepRow]],
    *,
    inside: tuple[str, str],
) -> list[tuple[str, str]]:
    """Pairs by equal path, then equal first signature, then best overlap (greedy, at least 0.2).

    Names are tried first because scopes have them; tree edit distance would be quadratic.
    """
    left, right = dict(a), dict(b)
    pairs = [
        (path, twin) for path in a if (twin := inside[1] + path.removeprefix(inside[0])) in right
    ]
    _drop(pairs, left, right)
    firsts = {steps[0].signature: path for path, steps in right.items() if steps[0].signature}
    same_first = [
        (path, firsts.pop(steps[0].signature))
        for path, steps in left.items()
        if steps[0].signature in firsts
    ]
    _drop(same_first, left, right)
    scored = sorted(
        (-_overlap(left[one], right[two]) - _label_bonus(one, two), one, two)
        for one, two in product(left, right)
    )
    for score, one, two in scored:
        if -score >= LEAST_OVERLAP and one in left and two in right:
            same_first.append((one, two))
            _drop([(one, two)], left, right)
    return pairs + same_first


_Strands = dict[str, Sequence[StepRow]]


def _drop(pairs: Sequence[tuple[str, str]], left: _Strands, right: _Strands) -> None:
    for one, two in pairs:
        left.pop(one, None)
        right.pop(two, None)


def _overlap(left: Sequence[StepRow], right: Sequence[StepRow]) -> float:
    """(2 |sig| + |delta| + 0.5 |type|) / (3.5 max length) over common bag entries."""

    def common(column: str) -> int:
        bag = Counter(getattr(step, column) for step in left) & Counter(
            getattr(step, column) for step in right
        )
        bag.pop(None, None)
        return bag.total()

    types = Counter((step.kind, step.name) for step in left) & Counter(
        (step.kind, step.name) for step in right
    )
    weight = 2 * common("signature") + common("delta") + 0.5 * types.total()
    return weight / (3.5 * max(len(left), len(right)))


def _label_bonus(one: str, two: str) -> float:
    label = one.rpartition("/")[2].split(".")[1:2]
    return LABEL_BONUS if label and label == two.rpartition("/")[2].split(".")[1:2] else 0.0
