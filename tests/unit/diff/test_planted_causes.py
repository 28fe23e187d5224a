"""Root sets of runs in which the causes are known because they were planted."""

from __future__ import annotations

import os

import pytest

from benchmarks import mutated
from benchmarks.planted import HELD_OUT, TUNED, Planted, judge, plant

PAIRS = int(os.environ.get("FORKPOINT_PLANTED_PAIRS", "100"))
"""Of each kind of seed; the benchmark takes all."""


@pytest.fixture(scope="module", params=[TUNED, HELD_OUT], ids=["tuned", "held out"])
def pairs(request: pytest.FixtureRequest) -> list[Planted]:
    return [plant(seed) for seed in request.param[:PAIRS]]


def test_the_first_divergence_and_the_root_set_are_what_was_planted(pairs: list[Planted]):
    judged = [judge(pair) for pair in pairs]

    assert sum(first for first, _ in judged) >= 0.98 * len(judged)
    assert sum(exact for _, exact in judged) >= 0.95 * len(judged)


def test_the_pairs_are_no_easy_ones(pairs: list[Planted]):
    several = [pair for pair in pairs if len(pair.causes) > 1]
    changed = [
        sum(row.name != "same" for row in pair.compare().rows) / len(pair.b.steps) for pair in pairs
    ]

    assert len(several) > 0.5 * len(pairs)
    assert sum(changed) / len(changed) > 0.35


def test_a_run_has_no_causes_against_itself(pairs: list[Planted]):
    from_itself = Planted(a=pairs[0].a, b=pairs[0].a, values=pairs[0].values, causes=())

    assert from_itself.compare().verdict == "identical"


def test_changes_planted_in_recorded_conversations_are_found_too():
    judged = [judge(mutated.mutated(seed)) for seed in mutated.SEEDS[:PAIRS]]

    assert sum(first for first, _ in judged) >= 0.98 * len(judged)
    assert sum(exact for _, exact in judged) >= 0.95 * len(judged)


def test_a_recorded_conversation_has_no_causes_against_itself():
    pair = mutated.mutated(3)
    from_itself = Planted(a=pair.a, b=pair.a, values=pair.values, causes=())

    assert from_itself.compare().verdict == "identical"
