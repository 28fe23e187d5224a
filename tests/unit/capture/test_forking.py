"""Forks through the recorder: edits reach the real arguments, and answers come in order."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import forkpoint
import pytest
from forkpoint.events.kinds import Mode, Verdict
from forkpoint.events.model import Event, StepEnded
from forkpoint.testing.memory import Recorded

LIVE_AFTER_THE_CUT = {
    "policy": "forkpoint.policy/1",
    "default": {"mode": "cached"},
    "allow_live": {"hosts": ["model.example"]},
    "budgets": {"calls": 9, "tokens": 9999, "cost_usd": 9, "wall_s": 60},
    "rules": [{"match": {"kind": "model", "after_cut": True}, "mode": "live"}],
}
asked: list[tuple[object, ...]] = []


@pytest.fixture(autouse=True)
def nobody_asked() -> None:
    asked.clear()


@forkpoint.model
def ask(messages: list[dict[str, str]], model: str = "small", *, heat: float = 0.5) -> str:
    asked.append((messages, model, heat))
    return f"{model}:{messages[0]['content']}"


def agent() -> list[str]:
    talk = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "one"}]
    with forkpoint.run("agent") as run:
        first = ask(talk)
        second = ask([*talk, {"role": "assistant", "content": "ok"}], heat=0.7)
        run.set_output(second)
    return [first, second]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({"kind": "prompt", "value": "be long"}, ("be long", "small", 0.7)),
        ({"kind": "model", "value": "large"}, ("be brief", "large", 0.7)),
        ({"kind": "params", "value": {"heat": 0.0}}, ("be brief", "small", 0.0)),
    ],
)
def test_an_edit_from_the_cut_on_reaches_the_live_call_and_is_recorded(
    memory: Recorded, edit: dict[str, object], expected: tuple[object, ...]
) -> None:
    first, _ = agent()
    recording = memory.recording()
    asked.clear()
    fork = {
        "session": "s",
        "kind": "fork",
        "cut": {"key": "r#1"},
        "policy": LIVE_AFTER_THE_CUT,
        "edits": [edit],
    }

    with forkpoint.replaying(recording, fork) as replay:
        again = agent()

    ((messages, model, heat),) = asked
    assert (messages[0]["content"], model, heat) == expected  # type: ignore[index,call-overload]
    assert [message["role"] for message in messages] == ["system", "user", "assistant"]  # type: ignore[attr-defined]
    assert again == [first, f"{model}:{expected[0]}"]
    assert replay.result is not None
    assert replay.result.verdict is Verdict.FORKED
    started = memory.steps[-1]
    assert started.replay is not None
    assert (started.replay.mode, started.signature) != (Mode.LIVE, recording.started[1].signature)


def test_threads_get_their_answers_in_the_recorded_order(memory: Recorded) -> None:
    turns = {number: threading.Event() for number in range(5)}
    order = [3, 0, 4, 1, 2]

    @forkpoint.tool
    def race(number: int) -> int:
        turns[number].wait(5)
        place = order.index(number)
        if place + 1 < len(order):
            threading.Timer(0.02, turns[order[place + 1]].set).start()
        return number

    def session() -> None:
        with forkpoint.run("race"), ThreadPoolExecutor(5) as pool:
            futures = [pool.submit(race, number) for number in range(5)]
            turns[order[0]].set()
            for future in futures:
                future.result()

    session()
    recording = memory.recording()
    for _ in range(5):
        before = len(memory.events)
        with forkpoint.replaying(recording) as replay:
            session()
        assert finished(memory, memory.events[before:]) == order
        assert replay.result is not None
        assert replay.result.verdict is Verdict.IDENTICAL
        assert not replay.result.report["soft"]


def finished(memory: Recorded, events: list[Event]) -> list[object]:
    """Outputs in the order in which calls came to them."""
    ends = [event for event in events if isinstance(event, StepEnded)]
    return [memory.value(end.artifacts, "output") for end in ends]


def test_tasks_get_their_answers_in_the_recorded_order(memory: Recorded) -> None:
    @forkpoint.tool
    async def race(number: int) -> int:
        await asyncio.sleep((7 * number % 5) * 0.01)
        return number

    async def session() -> list[int]:
        async with forkpoint.run("race"):
            return [await done for done in asyncio.as_completed([race(n) for n in range(5)])]

    first = asyncio.run(session())
    recording = memory.recording()
    for _ in range(5):
        with forkpoint.replaying(recording) as replay:
            assert asyncio.run(session()) == first != [0, 1, 2, 3, 4]
        assert replay.result is not None
        assert replay.result.verdict is Verdict.IDENTICAL
        assert not replay.result.report["soft"]
