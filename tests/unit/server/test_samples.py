"""A verification that is moved on by the end of each replay decides as one that waits for them."""

from __future__ import annotations

import random

import pytest
from forkpoint.diff.budget import Limits
from forkpoint.diff.rates import Sample
from forkpoint.diff.verify import Roots, Verification, verify
from forkpoint_server.diff.samples import BASELINE, OF_A, OF_B, Known, arm_of, is_of_a, roots_of

ROOTS = (3, 7, 9)


class Flaky:
    """A program whose outcome follows from what is reverted, with some luck; by arm and number."""

    def __init__(self, seed: int, *, live: int) -> None:
        self.seed, self.live = seed, live
        self.share = {3: 0.9, 7: 0.5, 9: 0.1}
        self.taken: dict[str, int] = {}

    def sample(self, arm: str, number: int) -> Sample:
        luck = random.Random(f"{self.seed} {arm} {number}").random() if self.live else 0.4
        reverted = roots_of(arm) if arm != OF_A else (3,)
        share = max((self.share[root] for root in reverted), default=0.05)
        return Sample(hit=luck < share, live_calls=self.live, tokens=10)

    def baseline(self) -> bool:
        return True

    def of_a(self, applied: Roots) -> Sample:
        return self._next(arm_of(OF_A, applied))

    def of_b(self, reverted: Roots) -> Sample:
        return self._next(arm_of(OF_B, reverted))

    def _next(self, arm: str) -> Sample:
        number = self.taken[arm] = self.taken.get(arm, -1) + 1
        return self.sample(arm, number)


def in_rounds(program: Flaky, limits: Limits) -> tuple[Verification, int]:
    """Each round starts what is wanted; the next begins when that is over."""
    samples: dict[str, dict[int, Sample | None]] = {}
    proven: bool | None = None
    for rounds in range(1_000):
        known = Known(samples=samples, proven=proven, limits=limits, roots=len(ROOTS))
        found = verify(ROOTS, known)
        if not found.pending:
            return found, rounds
        assert known.wanted
        for arm, number in known.wanted:
            if arm == BASELINE:
                proven = True
            samples.setdefault(arm, {})[number] = program.sample(arm, number)
    raise AssertionError("it never ends")


@pytest.mark.parametrize("live", [0, 2], ids=["served", "live"])
@pytest.mark.parametrize("seed", range(20))
def test_rounds_decide_as_one_that_waits(seed: int, live: int):
    found, rounds = in_rounds(Flaky(seed, live=live), Limits(sessions=10_000))
    expected = verify(ROOTS, Flaky(seed, live=live))

    assert (found.words, found.joint, found.stopped) == (
        expected.words,
        expected.joint,
        expected.stopped,
    )
    assert found.keep == expected.keep and found.arms == expected.arms
    assert not live or rounds < found.sessions / 2


def test_no_more_sessions_begin_than_are_allowed():
    found, _ = in_rounds(Flaky(1, live=2), Limits(sessions=11))

    assert (found.stopped, found.sessions) == ("budget", 11)


def test_spent_calls_end_it():
    found, _ = in_rounds(Flaky(1, live=2), Limits(sessions=1_000, calls=8))

    assert found.stopped == "budget"
    assert 0 < found.spent["calls"] <= 8


def test_the_arm_says_what_is_reverted():
    assert arm_of(OF_B) == "b" and arm_of(OF_B, frozenset((9, 3))) == "b-3-9"
    assert roots_of("b-3-9") == (3, 9) and is_of_a("a-3") and not is_of_a("b")
