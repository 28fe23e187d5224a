from __future__ import annotations

import json

import pytest
from conversations import FAMILIES, RESULT, Talk
from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Kind
from forkpoint.replay.loop import prove


def cause_of(talk: Talk) -> tuple[object, object]:
    with pytest.raises(ReplayError) as refused:
        prove(talk.recording())
    assert refused.value.code == "loop_not_standard"
    return refused.value.details["cause"], refused.value.details["key"]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_request_of_a_standard_loop_is_rebuilt(family: str):
    proof = prove(Talk(family=family, turns=5).recording())

    assert (proof.turns.family, proof.rebuilt) == (family, 4)


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (json.dumps(RESULT, separators=(",", ":")), "compact JSON"),
        (json.dumps(RESULT), "spaced JSON"),
        ('{"order":7,"total":120.5}', "compact JSON"),
        (str(RESULT), "str"),
    ],
)
def test_a_result_may_be_told_in_any_of_the_encodings(told: str, name: str):
    proof = prove(Talk(result=RESULT, told=told).recording())

    assert proof.to_json()["results"] == name


def test_a_text_is_told_as_it_is():
    assert prove(Talk(result="paid").recording()).to_json()["results"] == "text"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_compacted_history_is_named(family: str):
    assert cause_of(Talk(family=family, compacted=True)) == ("history_rewritten", "r#2")


def test_arguments_that_were_changed_on_the_way_are_named():
    assert cause_of(Talk(args={"order": 99})) == ("args_changed", "r#1")


def test_a_result_that_was_changed_on_the_way_is_named():
    assert cause_of(Talk(told="something else")) == ("result_changed", "r#1")


def test_a_step_nobody_asked_for_is_named():
    assert cause_of(Talk(extra=Kind.RETRIEVER)) == ("other_step", "r#2")


def test_one_reply_is_no_loop():
    assert cause_of(Talk(turns=1)) == ("one_turn", "r#0")
