"""What must hold for every program, however it differs from its recording."""

from __future__ import annotations

from collections import Counter

from forkpoint.events.kinds import Kind, Verdict
from forkpoint.replay.interception import Diverged
from hypothesis import given
from hypothesis import strategies as st
from unit.replay.tapes import Player, Tape

SCOPES = ("r", "r/0.work.0", "r/0.work.1")
CALLS = st.lists(
    st.tuples(st.sampled_from(SCOPES), st.sampled_from("ab"), st.integers(0, 3)), max_size=12
)
GO_ON = {"on_divergence": "continue", "default": {"on_miss": ["error_result"]}}


def taped(calls: list[tuple[str, str, int]]) -> Tape:
    """Each answer names its question and its number, so that no two are equal."""
    tape = Tape()
    for number, (scope, name, query) in enumerate(calls):
        tape.tool(name, query, [name, query, number], scope=scope)
    return tape


@given(CALLS)
def test_the_same_calls_are_identical(calls: list[tuple[str, str, int]]):
    player = Player(taped(calls).recording())

    answers = [player.tool(name, query, scope=scope) for scope, name, query in calls]

    assert answers == [[name, query, number] for number, (_, name, query) in enumerate(calls)]
    assert player.finish()["verdict"] == Verdict.IDENTICAL


@given(CALLS, CALLS)
def test_no_call_ever_gets_the_answer_to_another_question_and_none_is_given_twice(
    recorded: list[tuple[str, str, int]], asked: list[tuple[str, str, int]]
):
    player = Player(taped(recorded).recording(), policy=GO_ON)
    given_out: Counter[int] = Counter()

    for scope, name, query in asked:
        outcome = player.served(Kind.TOOL, name, {"args": {"q": query}}, scope=scope)
        if outcome.status == "ok":
            assert outcome.output[:2] == [name, query]
            given_out[outcome.output[2]] += 1

    assert all(times == 1 for times in given_out.values())


@given(CALLS, CALLS)
def test_identical_means_that_every_strand_asked_the_same(
    recorded: list[tuple[str, str, int]], asked: list[tuple[str, str, int]]
):
    player = Player(taped(recorded).recording())
    try:
        for scope, name, query in asked:
            player.tool(name, query, scope=scope)
    except Diverged:
        pass
    report = player.finish()

    def strands(calls: list[tuple[str, str, int]]) -> list[list[tuple[str, int]]]:
        return [[call[1:] for call in calls if call[0] == scope] for scope in SCOPES]

    same = strands(recorded) == strands(asked)
    assert (report["verdict"] == Verdict.IDENTICAL) == same


@given(CALLS, st.integers(0, 11))
def test_one_skipped_call_never_costs_another_its_answer(
    calls: list[tuple[str, str, int]], skipped: int
):
    player = Player(taped(calls).recording(), policy={**GO_ON, "allow_shift": True})
    kept = [call for number, call in enumerate(calls) if number != skipped]

    for scope, name, query in kept:
        assert player.served(Kind.TOOL, name, {"args": {"q": query}}, scope=scope).status == "ok"
