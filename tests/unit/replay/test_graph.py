"""An edited answer spreads through a recording without its code, as far as anything is known."""

from __future__ import annotations

from typing import Any

import pytest
from continuing import events_of, go_on
from conversations import FAMILIES, Talk, reply_of
from forkpoint.replay.graph import Graph
from forkpoint.replay.recording import Recording

EDIT = {"kind": "output", "key": "r#1", "value": {"order": 0, "total": 1.0, "turn": 0}}
LIVE = {
    "policy": "forkpoint.policy/1",
    "default": {"mode": "cached"},
    "rules": [{"match": {"kind": "model"}, "mode": "cached", "on_miss": ["live"]}],
    "allow_live": {"hosts": ["model.example"]},
    "budgets": {"calls": 100, "tokens": 9_000, "cost_usd": 1, "wall_s": 60},
}


def talk_of(family: str) -> tuple[Recording, list[Any]]:
    recording = Talk(family=family, turns=3).recording()
    return recording, events_of(recording)


@pytest.mark.parametrize("family", FAMILIES)
def test_graph_propagation_signs_every_holder_again_and_no_other_step(family: str):
    talk = talk_of(family)

    new = go_on(talk, cut={"key": "r#1", "side": "after"}, edits=[EDIT], executor=Graph)

    before = {step.key: step.signature for step in talk[0].started}
    changed = [step.key for step in new.started if step.signature != before[step.key]]
    assert changed == ["r#2", "r#4"]
    assert [new.executed.said[what] for what in ("rewritten", "stale")] == [changed, changed]
    assert len(new.started) == len(talk[0].started)
    assert "120.5" not in str(new.value("r#2", "input.messages"))


@pytest.mark.parametrize("family", FAMILIES)
def test_graph_propagation_stops_at_a_reply_with_another_tool_call(family: str):
    other = reply_of(family, "other", {"order": 99})

    new = go_on(
        talk_of(family),
        cut={"key": "r#1", "side": "after"},
        edits=[EDIT],
        policy=LIVE,
        replies=[other],
        executor=Graph,
    )

    assert (new.executed.stop, new.executed.key) == ("new_tool_call", "r#2")
    assert [ask.key for ask in new.asked] == ["r#2"]
    assert [step.key for step in new.started] == ["r#0", "r#1", "r#2"]
