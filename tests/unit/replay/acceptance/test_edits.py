"""Edits that need the agent's code, and functions of the host that answer in its place."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import forkpoint
import pytest
from forkpoint.errors import ReplayError
from forkpoint.replay.edits import read_edits
from forkpoint.replay.resolvers import Question
from forkpoint.settings import Settings

from .agents import halted, ran, record, replay


@forkpoint.tool(effect="write")
def act(word: str) -> str:
    ran.append(word)
    return word.upper()


@forkpoint.model
def chat(messages: list[Any]) -> str:
    ran.append("chat")
    return f"{len(messages)} messages"


@forkpoint.model
def stream(messages: list[Any]) -> Iterator[str]:
    yield from ("one", "two")


def other(word: str) -> str:
    """Runs in the place of `act`."""
    return f"other {word}"


def answer(question: Question) -> object:
    """Answers simulated calls."""
    if question.inputs["args"] == {"word": "fail"}:
        raise KeyError("nothing here")
    return f"{question.name} {question.inputs['args']} was {question.recorded}"


def agent() -> str:
    said = [act("one"), act("two")]
    said.append(os.environ.get("FORKPOINT_TEST_MODE", "unset"))
    said.append("".join(stream([1])))
    return repr([*said, str(datetime.now(UTC).year), str(time.time())])


def forked(*edits: dict[str, object], key: str = "r#1", **more: object) -> dict[str, object]:
    return {"kind": "fork", "cut": {"key": key}, "edits": list(edits), **more}


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(resolvers=(f"{__name__}:*",))
    monkeypatch.setattr("forkpoint.capture.process._settings", settings)


def test_a_dropped_call_does_nothing_and_a_dropped_stream_is_empty():
    _, recording = record(agent)
    ran.clear()

    said, report = replay(
        recording,
        agent,
        **forked({"kind": "drop", "value": True}, {"kind": "drop", "key": "r#2", "value": True}),
    )

    assert said.startswith("['ONE', None, 'unset', '',")
    assert (report["verdict"], ran) == ("forked", [])


def test_a_late_answer_comes_late(monkeypatch: pytest.MonkeyPatch):
    said, recording = record(agent)
    waited: list[float] = []
    monkeypatch.setattr("forkpoint.capture.replayed.stock_sleep", waited.append)

    again, report = replay(recording, agent, **forked({"kind": "latency", "value": 2.5}))

    assert (again, waited, report["verdict"]) == (said, [2.5], "forked")


def test_a_fault_of_latency_alone_delays_the_recorded_answer(monkeypatch: pytest.MonkeyPatch):
    said, recording = record(agent)
    waited: list[float] = []
    monkeypatch.setattr("forkpoint.capture.replayed.stock_sleep", waited.append)
    rule = {
        "match": {"name": "act", "key": "r#1"},
        "mode": "simulated",
        "simulate": {"fault": {"latency_s": 3}},
    }

    again, report = replay(
        recording, agent, policy={"policy": "forkpoint.policy/1", "rules": [rule]}
    )

    assert (again, waited, report["verdict"]) == (said, [3], "forked")


def test_the_environment_is_another_from_the_cut_on_and_the_same_again_after():
    _, recording = record(agent)

    said, _ = replay(
        recording, agent, **forked({"kind": "env", "value": {"FORKPOINT_TEST_MODE": "night"}})
    )

    assert "'night'" in said
    assert "FORKPOINT_TEST_MODE" not in os.environ


@pytest.mark.parametrize("value", [366 * 86_400 * 10, "2041-03-01T12:00:00"])
def test_the_clock_is_another_from_the_cut_on(value: object):
    before, recording = record(lambda: f"{time.time()} {act('x')} {time.time()}")

    said, _ = replay(
        recording,
        lambda: f"{time.time()} {act('x')} {time.time()}",
        **forked({"kind": "clock", "value": value}, key="r#0"),
    )

    assert said.split()[0] == before.split()[0]
    years = (float(said.split()[2]) - float(before.split()[2])) / (365.25 * 86_400)
    assert years > 5


def test_another_function_runs_in_the_place_of_a_tool(allowed: None):
    _, recording = record(agent)
    ran.clear()

    said, report = replay(
        recording, agent, **forked({"kind": "impl", "value": f"{__name__}:other"}, key="r#1")
    )

    assert said.startswith("['ONE', 'other two',")
    assert (report["verdict"], ran) == ("forked", [])


def test_inserted_items_reach_the_model():
    def talk() -> str:
        return chat([{"role": "user", "content": "hi"}])

    _, recording = record(talk)
    ran.clear()
    policy = {
        "policy": "forkpoint.policy/1",
        "default": {"mode": "live"},
        "allow_live": {"hosts": ["h"]},
        "budgets": {"calls": 1, "tokens": 9, "cost_usd": 1, "wall_s": 60},
    }
    edit = {"kind": "insert", "value": {"at": 0, "items": [{"role": "user", "content": "first"}]}}

    said, report = replay(recording, talk, **forked(edit, key="r#0", policy=policy))

    assert (said, report["verdict"]) == ("2 messages", "forked")


def simulated(name: str) -> dict[str, object]:
    rule = {"match": {"name": "act"}, "mode": "simulated", "simulate": {"function": name}}
    return {"policy": {"policy": "forkpoint.policy/1", "rules": [rule]}}


def test_a_function_of_the_host_answers_simulated_calls(allowed: None):
    _, recording = record(agent)
    ran.clear()

    said, report = replay(recording, agent, **simulated(f"{__name__}:answer"))

    assert "act {'word': 'one'} was ONE" in said
    assert (report["verdict"], ran) == ("forked", [])


def test_what_a_function_of_the_host_raises_the_call_raises(allowed: None):
    def failing() -> str:
        try:
            return act("fail")
        except KeyError as error:
            return f"{type(error).__name__} {error}"

    _, recording = record(failing)

    assert replay(recording, failing, **simulated(f"{__name__}:answer"))[0].startswith("KeyError")


def test_a_function_that_an_installed_package_registers_answers_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    facts = tmp_path / "agent_fakes-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: agent-fakes\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[forkpoint.resolvers]\nshouter = agent_fakes:shout\n")
    (tmp_path / "agent_fakes.py").write_text(
        'def shout(question):\n    return f\'{question.inputs["args"]["word"]}!\'\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    _, recording = record(agent)
    ran.clear()

    said, report = replay(recording, agent, **simulated("shouter"))

    assert "act {'word': 'one'} was" not in said
    assert "one!" in said
    assert (report["verdict"], ran) == ("forked", [])


@pytest.mark.parametrize("name", ["os:system", f"{__name__}:answer", "model:small"])
def test_a_function_nobody_allowed_is_never_imported(name: str):
    _, recording = record(agent)

    report = halted(recording, agent, **simulated(name))

    assert (report["verdict"], report["failedStep"]["reason"]) == ("partial", "simulator_failed")


@pytest.mark.parametrize(
    "edit",
    [
        {"kind": "latency", "value": -1},
        {"kind": "latency", "value": True},
        {"kind": "latency", "patch": []},
        {"kind": "insert", "value": {"at": 0}},
        {"kind": "env", "value": {"A": 1}},
        {"kind": "clock", "value": "tomorrow"},
        {"kind": "impl", "value": "module"},
    ],
)
def test_an_edit_that_says_what_it_may_not_is_refused(edit: dict[str, object]):
    with pytest.raises(ReplayError) as raised:
        read_edits([edit])

    assert raised.value.code == "edit_invalid"
