"""The completion gate, with real tasks and threads waiting at it."""

from __future__ import annotations

import asyncio
import random
import threading
from functools import partial

import msgspec
import pytest
from forkpoint.capture.turns import take_turn, take_turn_async
from forkpoint.events.kinds import Kind, Verdict
from forkpoint.events.model import StepEnded
from forkpoint.replay.gate import Gate
from forkpoint.replay.interception import CallView, Diverged, Served
from unit.replay.tapes import Player, Tape

WAYS = 8


def racing(order: list[int]) -> Tape:
    """Eight strands whose calls all start before any ends, and end in this order."""
    tape = Tape()
    keys = [
        tape.open(Kind.TOOL, "fetch", {"args": number}, scope=f"r/0.work.{number}")
        for number in range(WAYS)
    ]
    for number in order:
        tape.close(keys[number], number)
    return tape


async def handed_over(player: Player, view: CallView) -> object:
    """What the recorder does with a served call."""
    answer = player.session.begin(view)
    assert isinstance(answer, Served)
    await take_turn_async(player.session, partial(player.session.arrive, view), view.key)
    player.session.end(view, output=None, status="ok")
    return answer.outcome.output


def views(player: Player) -> list[CallView]:
    return [
        player.view(Kind.TOOL, "fetch", {"args": number}, scope=f"r/0.work.{number}")
        for number in range(WAYS)
    ]


async def test_tasks_complete_in_the_recorded_order():
    for seed in range(20):
        order = random.Random(seed).sample(range(WAYS), WAYS)
        player = Player(racing(order).recording())
        tasks = [asyncio.create_task(handed_over(player, view)) for view in views(player)]

        assert [await task for task in asyncio.as_completed(tasks)] == order
        assert player.finish()["verdict"] == Verdict.IDENTICAL


def test_threads_get_their_answers_in_the_recorded_order():
    order = random.Random(5).sample(range(WAYS), WAYS)
    player = Player(racing(order).recording())
    got: list[object] = []

    def work(view: CallView) -> None:
        answer = player.session.begin(view)
        assert isinstance(answer, Served)
        take_turn(player.session, partial(player.session.arrive, view), view.key)
        got.append(answer.outcome.output)
        player.session.end(view, output=None, status="ok")

    threads = [threading.Thread(target=work, args=[view]) for view in views(player)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert got == order


def test_whoever_waits_for_a_call_that_never_comes_is_released_and_the_order_is_unproven():
    player = Player(racing([1, 0, 2, 3, 4, 5, 6, 7]).recording())
    first = views(player)[0]
    player.session.begin(first)
    woken: list[bool] = []

    waits = not player.session.arrive(first, lambda: woken.append(True))
    player.session.release(first.key)
    goes = player.session.arrive(first, lambda: None)
    report = player.finish()

    assert (waits, woken, goes) == (True, [True], True)
    assert "order_unproven" in [found["reason"] for found in report["divergences"]]
    assert report["soft"][0]["code"] == "gate_released"


async def test_a_task_whose_turn_never_comes_goes_on_after_the_stall():
    tape = racing([1, 0, 2, 3, 4, 5, 6, 7])
    player = Player(tape.recording(), policy={"gate": {"stall_ms": 1}})

    assert await handed_over(player, views(player)[0]) == 0
    assert "gate_released" in [soft["code"] for soft in player.finish()["soft"]]


def test_a_halt_wakes_all_that_wait():
    player = Player(racing([7, 0, 1, 2, 3, 4, 5, 6]).recording())
    every = views(player)
    woken: list[int] = []
    for number, view in enumerate(every[:3]):
        player.session.begin(view)
        player.session.arrive(view, lambda number=number: woken.append(number))

    with pytest.raises(Diverged):
        player.tool("unknown", 1)

    assert sorted(woken) == [0, 1, 2]
    with pytest.raises(Diverged):
        player.session.arrive(every[0], lambda: None)


def test_points_that_never_come_are_passed():
    gate = Gate([3, 1, 2])
    woken: list[int] = []

    arrived = gate.arrive(2, lambda: woken.append(2))
    wake = gate.leave([3, 1])

    assert (arrived, wake is not None) == (False, True)


def test_a_step_that_is_no_point_never_waits():
    assert Gate([0, 1]).arrive(5, lambda: None)


def test_work_recorded_before_a_point_lengthens_the_wait_and_a_cancellation_is_waited_for():
    def waits(*, worked_ns: int, status: str = "ok") -> float:
        tape = Tape()
        tape.tool("first", 1)
        tape.tool("second", 2)
        for number, (seq, event) in enumerate(list(tape.events)):
            late = worked_ns if number >= 2 else 0
            changed = msgspec.structs.replace(event, time_ns=event.time_ns + late)
            if isinstance(changed, StepEnded) and number == 3:
                changed = msgspec.structs.replace(changed, status=status)
            tape.events[number] = (seq, changed)
        player = Player(tape.recording())
        player.tool("first", 1)
        player.session.end(player.seen[0], output=None, status="ok")
        return player.session.stall_s

    assert waits(worked_ns=0) == pytest.approx(0.5)
    assert waits(worked_ns=2_000_000_000) == pytest.approx(4.5)
    assert waits(worked_ns=10**12) == 10.5
    assert waits(worked_ns=0, status="cancelled") == 60
