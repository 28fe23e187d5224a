"""Exact replay: what is served, and where it stops agreeing."""

from __future__ import annotations

import dataclasses
import random

import msgspec
import pytest
from forkpoint.events.kinds import Kind, Match, Verdict
from forkpoint.replay.interception import Diverged, Live
from unit.replay.tapes import Player, Tape

ERROR = {"class": "ValueError", "module": "builtins", "message": "no", "args": ["no"]}
CONTINUE = {"on_divergence": "continue", "default": {"on_miss": ["error_result"]}}


def three() -> Tape:
    tape = Tape()
    tape.tool("search", "a", {"hits": 1.0, "b": 0})
    tape.tool("search", "b", [2])
    tape.call(Kind.MODEL, "chat", {"messages": ["hi"]}, "answer")
    return tape


def test_a_run_that_asks_the_same_is_identical():
    player = Player(three().recording())

    outputs = [player.tool("search", "a"), player.tool("search", "b")]
    answer = player.served(Kind.MODEL, "chat", {"messages": ["hi"]}).output
    report = player.finish()

    assert (outputs, answer) == ([{"hits": 1.0, "b": 0}, [2]], "answer")
    assert (report["verdict"], report["exit"], report["failedStep"]) == (Verdict.IDENTICAL, 0, None)
    assert (report["matched"], report["recorded"]) == (3, 3)


def test_an_output_prints_the_very_same_text():
    player = Player(three().recording())

    assert repr(player.tool("search", "a")) == "{'hits': 1.0, 'b': 0}"


def test_a_recorded_error_is_served_as_an_error():
    tape = Tape()
    tape.call(Kind.TOOL, "save", {"args": 1}, error=ERROR)

    outcome = Player(tape.recording()).served(Kind.TOOL, "save", {"args": 1})

    assert (outcome.status, outcome.error) == ("error", ERROR)


def test_200_equal_calls_get_each_their_own_answer():
    tape = Tape()
    for number in range(200):
        tape.tool("sample", "same", number)
    player = Player(tape.recording())

    assert [player.tool("sample", "same") for _ in range(200)] == list(range(200))
    assert player.finish()["verdict"] == Verdict.IDENTICAL


def test_raced_calls_are_matched_by_what_they_ask():
    tape = Tape()
    keys = [
        tape.open(Kind.TOOL, "fetch", {"args": number}, contended=number > 0)
        for number in range(100)
    ]
    for number, key in enumerate(keys):
        tape.close(key, number)
    player = Player(tape.recording())
    order = random.Random(7).sample(range(100), 100)

    outputs = [player.served(Kind.TOOL, "fetch", {"args": number}).output for number in order]
    report = player.finish()

    assert outputs == order
    assert report["verdict"] == Verdict.IDENTICAL
    assert [soft["code"] for soft in report["soft"]] == ["contended"]


def test_calls_in_turn_do_not_swap_places():
    player = Player(three().recording())

    with pytest.raises(Diverged) as raised:
        player.tool("search", "b")

    assert (raised.value.reason, raised.value.key) == ("shifted", "r#0")
    assert player.finish()["jumped"] == ["r#0"]


def test_a_changed_prompt_names_the_part_and_the_pointer():
    tape = Tape()
    tape.call(Kind.MODEL, "chat", {"messages": [{"role": "user", "content": "hi"}]}, "yes")
    player = Player(tape.recording())

    with pytest.raises(Diverged):
        player.served(Kind.MODEL, "chat", {"messages": [{"role": "user", "content": "ho"}]})
    report = player.finish()

    assert report["failedStep"] == {
        "key": "r#0",
        "sequence": 0,
        "sourceKey": "r#0",
        "reason": "input_changed",
    }
    assert list(report["parts"]) == ["messages"]
    assert report["changes"] == [{"pointer": "/messages/0/content", "expected": "hi", "got": "ho"}]
    assert (report["verdict"], report["exit"]) == (Verdict.DIVERGED, 1)


def test_a_halt_is_not_caught_by_except_exception_and_holds_for_every_later_call():
    player = Player(three().recording())

    with pytest.raises(Diverged):
        try:
            player.tool("search", "z")
        except Exception:
            pytest.fail("Diverged must not be an Exception")
    with pytest.raises(Diverged) as again:
        player.tool("search", "a")

    assert again.value.reason == "input_changed"


def test_an_inserted_call_is_an_extra_call():
    player = Player(three().recording())
    player.tool("search", "a")

    with pytest.raises(Diverged) as raised:
        player.tool("audit", "x")

    assert raised.value.reason == "extra_call"


def test_a_call_made_once_too_often_is_an_extra_call():
    tape = Tape()
    tape.tool("search", "a", 1)
    tape.call(Kind.MODEL, "chat", {"messages": []}, "ok")
    player = Player(tape.recording())
    player.tool("search", "a")

    with pytest.raises(Diverged) as raised:
        player.tool("search", "a")

    assert raised.value.reason == "extra_call"


@pytest.mark.parametrize("inserted", ["audit", "search"])
def test_going_on_after_an_inserted_call_serves_the_others_right(inserted: str):
    player = Player(three().recording(), policy=CONTINUE)

    first = player.tool("search", "a")
    extra = player.served(Kind.TOOL, inserted, {"args": {"q": "new"}})
    rest = [player.tool("search", "b"), player.served(Kind.MODEL, "chat", {"messages": ["hi"]})]
    report = player.finish()

    assert (first, extra.status) == ({"hits": 1.0, "b": 0}, "error")
    assert [rest[0], rest[1].output] == [[2], "answer"]
    assert report["verdict"] == Verdict.DIVERGED


def test_a_skipped_last_call_is_one_missing_call_with_its_key():
    player = Player(three().recording())
    player.tool("search", "a")
    player.tool("search", "b")

    report = player.finish()

    assert report["failedStep"]["reason"] == "missing_call"
    assert [
        found["key"] for found in report["divergences"] if found["reason"] == "missing_call"
    ] == ["r#2"]


def test_another_outcome_is_a_divergence_even_if_all_calls_agree():
    tape = Tape()
    tape.tool("search", "a", 1)
    player = Player(tape.recording())
    player.tool("search", "a")

    assert player.finish("other")["failedStep"]["reason"] == "outcome_changed"


def test_steps_inside_a_served_step_are_elided():
    tape = Tape()
    outer = tape.open(Kind.TOOL, "outer", {"args": 1})
    tape.tool("inner", "a", scope=outer)
    tape.tool("spawned", "b", scope=f"{outer}/1.work.0")
    tape.close(outer, "whole")
    player = Player(tape.recording())

    assert player.served(Kind.TOOL, "outer", {"args": 1}).output == "whole"
    report = player.finish()

    assert (report["verdict"], report["matched"]) == (Verdict.IDENTICAL, 3)


def test_an_agent_scope_runs_its_body_and_its_calls_are_served():
    tape = Tape()
    agent = tape.open(Kind.AGENT, "writer", {"input": 1})
    tape.tool("search", "a", 7, scope=agent)
    tape.close(agent, "text")
    player = Player(tape.recording())

    entered = player.begin(Kind.AGENT, "writer", {"input": 2})

    assert isinstance(entered, Live)
    assert player.tool("search", "a", scope="r#0") == 7
    report = player.finish()
    assert report["verdict"] == Verdict.IDENTICAL
    assert report["soft"] == [{"code": "scope_input", "count": 1, "keys": ["r#0"]}]


def test_a_strand_spawned_one_call_later_is_moved():
    tape = Tape()
    tape.tool("plan", "p")
    for number in range(3):
        tape.tool("fetch", number, number * 10, scope=f"r/1.work.{number}")
    player = Player(tape.recording(), policy=CONTINUE)
    player.tool("plan", "p")
    player.served(Kind.TOOL, "audit", {"args": 0})

    outputs = [player.tool("fetch", number, scope=f"r/2.work.{number}") for number in (2, 0, 1)]

    assert outputs == [20, 0, 10]
    assert player.infos[-1].match is Match.MOVED


def test_an_unsignable_call_is_matched_by_its_place():
    tape = Tape()
    tape.tool("search", "a", 1)
    seq, event = tape.events[0]
    tape.events[0] = (seq, msgspec.structs.replace(event, signature=None))
    player = Player(tape.recording())
    view = player.view(Kind.TOOL, "search", {"args": 1})

    answer = player.session.begin(dataclasses.replace(view, signature=None))

    assert answer.replay.match is Match.POSITION
    assert player.finish()["verdict"] == Verdict.IDENTICAL
