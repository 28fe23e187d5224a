"""Forks: the past is exact, edits hold where they should, the rest follows the policy."""

from __future__ import annotations

import pytest
from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Kind, Match, Mode, Verdict
from forkpoint.replay.cut import find_cut, past
from forkpoint.replay.index import build
from forkpoint.replay.interception import Diverged, Live, Served
from unit.replay.tapes import Player, Tape

LIVE = {
    "allow_live": {"hosts": ["api.example.com"]},
    "budgets": {"calls": 9, "tokens": 100, "cost_usd": 1, "wall_s": 60},
}


def fan_out() -> Tape:
    tape = Tape()
    tape.tool("plan", "p", "four")
    for number in range(4):
        tape.tool("fetch", number, {"doc": number}, scope=f"r/1.work.{number}")
    tape.call(Kind.MODEL, "chat", {"messages": [0, 1, 2, 3]}, "sum")
    return tape


def chat() -> Tape:
    tape = Tape()
    for number in range(3):
        inputs = {"model": {"id": "small"}, "params": {"t": 0}, "messages": [number]}
        tape.call(Kind.MODEL, "chat", inputs, f"answer {number}", codec="openai.chat/1")
    return tape


def ask(player: Player, number: int, **changed: object) -> Served | Live:
    inputs = {"model": {"id": "small"}, "params": {"t": 0}, "messages": [number], **changed}
    return player.begin(Kind.MODEL, "chat", inputs)


def test_an_edited_output_in_a_fan_out_leaves_the_siblings_as_recorded():
    player = Player(
        fan_out().recording(),
        kind="fork",
        cut={"key": "r/1.work.2#0", "side": "before"},
        edits=[{"kind": "output", "patch": [{"op": "replace", "path": "/doc", "value": "new"}]}],
    )
    player.tool("plan", "p")

    outputs = [player.tool("fetch", number, scope=f"r/1.work.{number}") for number in range(4)]

    assert outputs == [{"doc": 0}, {"doc": 1}, {"doc": "new"}, {"doc": 3}]
    assert [info.edit for info in player.infos] == [None, None, None, 0, None]
    assert player.infos[3].mode is Mode.SIMULATED
    assert player.infos[3].taint == ("simulated",)


def test_a_fork_that_runs_to_its_end_is_forked():
    player = Player(
        fan_out().recording(),
        kind="fork",
        cut={"sequence": 10},
        edits=[{"kind": "output", "value": "other"}],
    )
    player.tool("plan", "p")
    for number in range(4):
        player.tool("fetch", number, scope=f"r/1.work.{number}")

    assert player.served(Kind.MODEL, "chat", {"messages": [0, 1, 2, 3]}).output == "other"
    report = player.finish("another outcome")
    assert (report["verdict"], report["exit"], report["failedStep"]) == (Verdict.FORKED, 0, None)


def test_the_past_of_a_fork_must_agree():
    player = Player(fan_out().recording(), kind="fork", cut={"key": "r#1"})

    with pytest.raises(Diverged) as raised:
        player.tool("plan", "changed")

    assert raised.value.reason == "input_changed"


def test_a_fork_that_never_reaches_its_cut_is_diverged():
    player = Player(fan_out().recording(), kind="fork", cut={"key": "r#1"})
    player.tool("plan", "p")

    assert player.finish()["verdict"] == Verdict.DIVERGED


def test_a_fork_whose_edited_step_is_never_called_is_diverged():
    edit = {"kind": "output", "key": "r#1", "value": "other"}
    player = Player(fan_out().recording(), kind="fork", edits=[edit])
    player.tool("plan", "p")
    for number in range(4):
        player.tool("fetch", number, scope=f"r/1.work.{number}")

    failed = player.finish()["failedStep"]

    assert (failed["key"], failed["reason"]) == ("r#1", "missing_call")


def test_the_suffix_stops_at_an_input_nobody_recorded():
    player = Player(
        fan_out().recording(),
        kind="fork",
        cut={"key": "r#0"},
        edits=[{"kind": "output", "value": "five"}],
    )
    assert player.tool("plan", "p") == "five"

    with pytest.raises(Diverged) as raised:
        player.tool("fetch", 99, scope="r/1.work.0")

    assert raised.value.reason == "no_answer"
    assert player.finish()["verdict"] == Verdict.PARTIAL


def test_fail_serves_the_error_of_the_library_that_was_called():
    player = Player(
        chat().recording(), kind="fork", edits=[{"kind": "fail", "key": "r#1", "value": 429}]
    )
    ask(player, 0)

    answer = ask(player, 1)

    assert isinstance(answer, Served)
    assert answer.outcome.error is not None
    assert (answer.outcome.error["class"], answer.outcome.error["status"]) == (
        "RateLimitError",
        429,
    )


def test_an_edited_model_is_never_answered_with_the_old_models_words():
    player = Player(
        chat().recording(),
        kind="fork",
        cut={"key": "r#1"},
        edits=[{"kind": "model", "value": "large"}],
    )
    ask(player, 0)

    with pytest.raises(Diverged) as raised:
        ask(player, 1)

    assert raised.value.reason == "no_answer"


@pytest.mark.parametrize(
    ("edit", "part", "value"),
    [
        ({"kind": "model", "value": "large"}, "model", {"id": "large"}),
        ({"kind": "params", "value": {"t": 1}}, "params", {"t": 1}),
        (
            {"kind": "params", "patch": [{"op": "add", "path": "/seed", "value": 3}]},
            "params",
            {"t": 0, "seed": 3},
        ),
        ({"kind": "prompt", "value": "be brief"}, "system", "be brief"),
        (
            {"kind": "prompt", "patch": [{"op": "replace", "path": "/messages/0", "value": "x"}]},
            "messages",
            ["x"],
        ),
        ({"kind": "tools", "value": []}, "tools", []),
    ],
)
def test_a_held_edit_is_made_in_every_model_call_from_the_cut_on(
    edit: dict[str, object], part: str, value: object
):
    player = Player(
        chat().recording(),
        kind="fork",
        policy={**LIVE, "rules": [{"match": {"kind": "model", "after_cut": True}, "mode": "live"}]},
        cut={"key": "r#1"},
        edits=[edit],
    )
    ask(player, 0)
    changed = []

    for number in (1, 2):
        inputs = {"model": {"id": "small"}, "params": {"t": 0}, "messages": [number]}
        view = player.view(Kind.MODEL, "chat", inputs)
        changed.append(player.session.new_input(view))
        assert isinstance(player.session.begin(view), Live)

    assert changed == [{part: value}, {part: value}]


def test_an_edited_input_is_never_sent_live_by_a_recorder_that_did_not_change_it():
    player = Player(
        chat().recording(),
        kind="fork",
        policy={**LIVE, "rules": [{"match": {"kind": "model", "after_cut": True}, "mode": "live"}]},
        cut={"key": "r#1"},
        edits=[{"kind": "model", "value": "large"}],
    )
    ask(player, 0)

    with pytest.raises(Diverged) as raised:
        ask(player, 1)

    assert raised.value.reason == "live_refused"


def test_an_edited_input_that_was_recorded_elsewhere_gets_that_answer():
    player = Player(
        chat().recording(),
        kind="fork",
        cut={"key": "r#0"},
        edits=[{"kind": "input", "value": {"messages": [2]}}],
    )

    answer = ask(player, 0)

    assert isinstance(answer, Served)
    assert answer.outcome.output == "answer 2"
    assert (answer.replay.match, answer.replay.edit) == (Match.MOVED, 0)


@pytest.mark.parametrize(
    "edits",
    [
        [{"kind": "output", "value": 1}, {"kind": "fail", "value": 500}],
        [{"kind": "model", "value": "a"}, {"kind": "input", "value": {"model": "b"}}],
        [{"kind": "params", "value": {"t": 1}}, {"kind": "params", "value": {"t": 2}}],
    ],
)
def test_two_edits_of_one_place_conflict(edits: list[dict[str, object]]):
    with pytest.raises(ReplayError) as raised:
        Player(chat().recording(), kind="fork", cut={"key": "r#1"}, edits=edits)

    assert raised.value.code == "edit_conflict"


@pytest.mark.parametrize(
    ("cut", "edits"),
    [
        ({"key": "r#9"}, []),
        ({"sequence": 1}, []),
        (None, [{"kind": "output", "value": 1}]),
        ({"key": "r#2"}, [{"kind": "output", "key": "r#0", "value": 1}]),
    ],
)
def test_a_cut_must_be_a_step_and_edits_must_not_lie_before_it(
    cut: dict[str, object] | None, edits: list[dict[str, object]]
):
    with pytest.raises(ReplayError) as raised:
        Player(chat().recording(), kind="fork", cut=cut, edits=edits)

    assert raised.value.code == "cut_invalid"


def test_the_past_of_a_cut_is_what_happened_on_its_way():
    tape = fan_out()
    late = tape.open(Kind.TOOL, "slow", {"args": 0}, scope="r/2.late.0")
    tape.tool("last", "z")
    tape.close(late, 1)
    recording = tape.recording()
    index = build(recording)

    def keys(at: str, side: str) -> list[str]:
        before = past(recording, index, find_cut(recording, at, side))
        return [recording.started[place].key for place in range(len(before)) if before[place]]

    fetches = [f"r/1.work.{number}#0" for number in range(4)]
    assert keys("r/1.work.2#0", "before") == ["r#0", *fetches[:2]]
    assert keys("r/1.work.2#0", "after") == ["r#0", *fetches[:3]]
    assert keys("r#2", "before") == ["r#0", *fetches, "r#1"]
    assert keys("r#0", "before") == []


def test_a_cut_in_a_group_of_tool_calls_that_never_got_their_results_moves_to_the_model():
    tape = Tape()
    tape.call(Kind.MODEL, "chat", {"messages": []}, "call a and b")
    tape.tool("a", 1, 1)
    tape.open(Kind.TOOL, "b", {"args": 1})
    recording = tape.recording(prefix=True)

    player = Player(recording, kind="fork", cut={"key": "r#1"})

    assert player.session.origin.cut_key == "r#0"
    soft = [finding["code"] for finding in player.finish()["soft"]]
    assert soft == ["baseline_unproven", "cut_snapped"]
