"""What counterfactual replays prove, over programs whose causes are known."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from forkpoint.diff.verify import (
    NOTHING,
    BudgetSpent,
    Reverted,
    Sample,
    ddmin,
    verify,
    wilson,
    z_of,
)


@dataclass
class Program:
    """`good` says from what is reverted whether a session comes to A's outcome."""

    good: Callable[[Reverted], bool]
    of_a_good: Callable[[], bool] = lambda: True
    live: int = 1
    proven: bool = True
    most: int = 10_000
    made: int = 0

    def baseline(self) -> bool:
        return self.proven

    def of_a(self) -> Sample:
        return self._sample(self.of_a_good())

    def of_b(self, reverted: Reverted) -> Sample:
        return self._sample(self.good(reverted))

    def _sample(self, hit: bool) -> Sample:
        if self.made >= self.most:
            raise BudgetSpent
        self.made += 1
        return Sample(hit=hit, live_calls=self.live, tokens=10, cost_micro_usd=3)


@pytest.mark.parametrize(
    ("hits", "n", "end", "value"),
    [(5, 5, 0, 0.566), (0, 5, 1, 0.434), (8, 10, 0, 0.490), (0, 10, 1, 0.278), (4, 5, 0, 0.376)],
)
def test_wilson(hits: int, n: int, end: int, value: float):
    assert round(wilson(hits, n, z_of(1))[end], 3) == value


def test_one_of_two_roots_is_verified_and_the_other_refuted():
    found = verify([1, 2], Program(lambda reverted: 1 in reverted))

    assert (found.words, found.joint, found.stopped) == ({1: "verified", 2: "refuted"}, (), None)
    assert found.spent["calls"] == found.sessions - 1


def test_where_all_calls_are_served_one_session_an_arm_decides():
    program = Program(lambda reverted: 2 in reverted, live=0)

    found = verify([1, 2], program)

    assert found.words == {1: "refuted", 2: "verified"}
    assert program.made == 5 and found.arms[2].to_json(found.z) == {"n": 1, "hits": 1}


def test_root_set():
    """Three causes, each enough alone, and a decoy: none is verified alone, together they are."""
    causes = frozenset((3, 5, 7))
    found = verify([3, 4, 5, 7], Program(lambda reverted: causes <= reverted, live=0))

    assert "verified" not in found.words.values()
    assert sorted(found.joint) == [3, 5, 7]


def test_negative_control():
    """The same agent twice, one of its answers sampled: hardly ever is a root verified."""
    verified = 0
    for seed in range(200):
        chance = random.Random(seed)

        def sampled(_: Reverted = NOTHING, chance: random.Random = chance) -> bool:
            return chance.random() < 0.5

        found = verify([1], Program(sampled, of_a_good=sampled))
        verified += "verified" in found.words.values()

    assert verified <= 2


def test_uncaptured_cause():
    found = verify([1, 2], Program(lambda _: False))

    assert found.stopped == "not_in_roots"
    assert set(found.words.values()) == {"undetermined"}


def test_nothing_is_proved_without_a_baseline():
    program = Program(lambda _: True, proven=False)

    assert verify([1], program).stopped == "baseline_unproven" and program.made == 0


def test_a_spent_budget_leaves_words_undetermined():
    found = verify([1, 2], Program(lambda reverted: 1 in reverted, most=9))

    assert found.stopped == "budget" and set(found.words.values()) == {"undetermined"}
    assert found.spent["tokens"] == 90


def test_an_unclear_root_says_how_many_samples_would_decide():
    chance = random.Random(3)
    found = verify([1], Program(lambda reverted: bool(reverted) and chance.random() < 0.55))

    assert found.words[1] in ("verified", "undetermined")
    assert found.needed is None or found.needed >= 10


@pytest.mark.parametrize("wanted", [[1], [2, 6], [1, 4, 7], [0, 1, 2, 3, 4, 5, 6, 7]])
def test_ddmin_finds_the_smallest_set(wanted: list[int]):
    def gives(some: Sequence[int]) -> bool:
        return set(wanted) <= set(some)

    assert sorted(ddmin(range(8), gives)) == wanted
