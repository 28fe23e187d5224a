"""A proved loop goes on after a cut, without its code and without a worker."""

from __future__ import annotations

import json
from typing import Any

import pytest
from continuing import events_of, go_on
from conversations import FAMILIES, Talk, final_of, reply_of
from forkpoint.errors import ReplayError
from forkpoint.redact.tokens import check_characters
from forkpoint.replay.recording import Recording

LIVE = {
    "policy": "forkpoint.policy/1",
    "default": {"mode": "cached"},
    "rules": [{"match": {"kind": "model"}, "mode": "cached", "on_miss": ["live"]}],
    "allow_live": {"hosts": ["model.example"]},
    "budgets": {"calls": 100, "tokens": 9_000, "cost_usd": 1, "wall_s": 60},
}


def talk_of(family: str = "chat", turns: int = 3) -> tuple[Recording, list[Any]]:
    recording = Talk(family=family, turns=turns).recording()
    return recording, events_of(recording)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("key", ["r#0", "r#1", "r#2", "r#4"])
def test_loop_unedited_rebuilds_every_request_with_equal_roots(family: str, key: str):
    loop = talk_of(family)

    new = go_on(loop, cut={"key": key})

    assert (new.executed.stop, new.executed.end) == (None, loop[0].end)
    assert [(s.key, s.signature) for s in new.started] == [
        (s.key, s.signature) for s in loop[0].started
    ]
    assert new.asked == []


@pytest.mark.parametrize("family", FAMILIES)
def test_loop_edited_asks_for_the_output_of_an_unrecorded_call(family: str):
    loop = talk_of(family)
    edit = {"kind": "output", "key": "r#2", "value": reply_of(family, "n", {"order": 99})}

    new = go_on(loop, edits=[edit])

    said: Any = new.executed.said["loop"]
    assert (new.executed.stop, new.executed.key) == ("needs_tool_output", "r#3")
    assert said["needs"] == {
        "key": "r#3",
        "kind": "tool",
        "name": "refund",
        "input": {"args": {"order": 99}},
    }
    assert [step.key for step in new.started] == ["r#0", "r#1", "r#2", "r#3"]
    assert new.ended[new.started[3].step_id].status == "cancelled"


@pytest.mark.parametrize("family", FAMILIES)
def test_loop_with_a_compacted_history_is_not_continued(family: str):
    recording = Talk(family=family, compacted=True, turns=3).recording()

    with pytest.raises(ReplayError) as refused:
        go_on((recording, events_of(recording)), cut={"key": "r#1"})

    assert (refused.value.code, refused.value.details["cause"]) == (
        "loop_not_standard",
        "history_rewritten",
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_with_the_answer_and_a_live_model_it_comes_to_an_end_of_its_own(family: str):
    loop = talk_of(family)
    edits = [
        {"kind": "output", "key": "r#2", "value": reply_of(family, "n", {"order": 99})},
        {"kind": "output", "key": "r#3", "value": {"order": 99, "total": 1}},
    ]

    new = go_on(loop, edits=edits, policy=LIVE, replies=[final_of(family)])

    told = json.dumps(new.asked[0].parts["messages"])
    assert (new.executed.stop, new.executed.end.status) == (None, "ok")  # type: ignore[union-attr]
    assert [step.key for step in new.started] == ["r#0", "r#1", "r#2", "r#3", "r#4"]
    assert '{\\"order\\":99,\\"total\\":1}' in told
    assert new.started[4].replay.mode == "live"  # type: ignore[union-attr]
    assert new.executed.spend == {"calls": 1, "tokens": 2, "cost": 0}


def test_a_call_made_again_gets_its_recorded_answer_once():
    loop = talk_of(turns=3)
    swapped = [reply_of("chat", "n", {"order": 1}), reply_of("chat", "m", {"order": 1})]
    edit = {"kind": "output", "key": "r#1", "value": "edited"}

    new = go_on(loop, edits=[edit], policy=LIVE, replies=swapped)

    moved = next(step for step in new.started if step.key == "r#3").replay
    assert moved is not None
    assert moved.source is not None
    assert (moved.source.key, moved.mode) == ("r#3", "cached")
    assert (new.executed.stop, new.executed.key) == ("needs_tool_output", "r#5")


def test_a_model_that_keeps_saying_the_same_gets_no_further():
    simulate = {"mode": "simulated", "simulate": {"static": {"order": 1}}}
    policy = {**LIVE, "rules": [*LIVE["rules"], {"match": {"kind": "tool"}, **simulate}]}
    same = [reply_of("chat", "n", {"order": 5}) for _ in range(9)]

    new = go_on(talk_of(), cut={"key": "r#1"}, policy=policy, replies=same)

    assert new.executed.stop == "loop_no_progress"
    assert len(new.asked) == 5


def test_a_model_that_never_ends_is_stopped():
    simulate = {"mode": "simulated", "simulate": {"template": {"$from": "/args/order"}}}
    policy = {**LIVE, "rules": [*LIVE["rules"], {"match": {"kind": "tool"}, **simulate}]}
    other = [reply_of("chat", f"n{n}", {"order": n}) for n in range(100, 160)]

    new = go_on(talk_of(turns=3), cut={"key": "r#0"}, policy=policy, replies=other)

    assert (new.executed.stop, len(new.asked)) == ("loop_limit", 10)


def test_a_budget_of_three_stops_the_fourth_call_before_it_is_made():
    simulate = {"mode": "simulated", "simulate": {"template": {"$from": "/args/order"}}}
    rules = [*LIVE["rules"], {"match": {"kind": "tool"}, **simulate}]
    policy = {**LIVE, "rules": rules, "budgets": {**LIVE["budgets"], "calls": 3}}
    policy["rules"][0] = {"match": {"kind": "model"}, "mode": "live"}
    other = [reply_of("chat", f"n{n}", {"order": n}) for n in range(100, 160)]

    new = go_on(talk_of(turns=3), cut={"key": "r#0"}, policy=policy, replies=other)

    assert (new.executed.stop, len(new.asked)) == ("budget_calls", 3)


def test_a_failed_tool_is_told_and_the_loop_goes_on():
    edit = {"kind": "fail", "key": "r#1", "value": "no such order"}

    new = go_on(talk_of(), edits=[edit], policy=LIVE, replies=[final_of("chat")])

    assert new.asked[0].parts["messages"][-1]["content"] == "no such order"  # type: ignore[index,call-overload]
    assert new.executed.stop is None


def test_an_edit_of_a_step_that_is_never_made_is_said():
    edits = [
        {"kind": "output", "key": "r#1", "value": "edited"},
        {"kind": "output", "key": "r#40", "value": "never"},
    ]

    new = go_on(talk_of(), edits=edits, policy=LIVE, replies=[final_of("chat")])

    said: Any = new.executed.said["loop"]
    assert said["unusedEdits"] == [1]


def test_masked_values_in_a_live_prompt_are_said():
    front = "rx1_EMAIL_aaaaaaaaaaaaaaaa"
    token = f"{front}_{check_characters(front)}"
    edit = {"kind": "output", "key": "r#1", "value": {"mail": token}}

    new = go_on(talk_of(), edits=[edit], policy=LIVE, replies=[final_of("chat")])

    assert new.started[-1].replay.taint == ("simulated", "redacted_input")  # type: ignore[union-attr]
