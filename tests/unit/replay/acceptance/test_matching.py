"""Matching: whatever the scheduler does, each call finds its own answer or the replay says so."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import itertools
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from multiprocessing.pool import ThreadPool

import anyio
import forkpoint
import pytest
import uvloop
from forkpoint.testing.memory import recorded

from .agents import AGENTS, Agent, codes, halted, ran, record, replay, run_once
from .stub import Stub

REPLAYS = 50


@pytest.mark.parametrize("colour", AGENTS)
def test_awkward_agent(stub: Stub, colour: str):
    agent = AGENTS[colour]
    said, recording = record(lambda: agent(stub.url))
    asked = len(stub.asked)
    ran.clear()

    for _ in range(REPLAYS):
        again, report = replay(recording, lambda: agent(stub.url))

        assert again == said
        assert (report["verdict"], report["divergences"]) == ("identical", [])
        assert report["matched"] == report["recorded"]
        assert codes(report) in ([], ["contended"])
    assert (len(stub.asked), ran) == (asked, [])


_answers = itertools.count()


@forkpoint.tool(effect="read")
def sample() -> int:
    return next(_answers)


@forkpoint.tool(effect="read")
async def sample_async() -> int:
    await asyncio.sleep(0)
    return next(_answers)


def in_threads() -> str:
    with ThreadPoolExecutor(8) as pool:
        return repr(list(pool.map(lambda _: sample(), range(200))))


def in_a_stock_pool() -> str:
    with ThreadPool(8) as pool:
        return repr(pool.map(lambda _: sample(), range(200)))


async def in_tasks() -> str:
    return repr(await asyncio.gather(*(sample_async() for _ in range(200))))


@pytest.mark.parametrize("agent", [in_threads, in_a_stock_pool, in_tasks])
def test_200_equal_calls(agent: Agent):
    said, recording = record(agent)

    again, report = replay(recording, agent)

    assert (again, report["verdict"]) == (said, "identical")


def test_skipped_branch():
    def agent(*, branch: bool) -> str:
        first = sample()
        return f"{first} {sample() if branch else ''}"

    _, recording = record(lambda: agent(branch=True))

    _, report = replay(recording, lambda: agent(branch=False))

    missing = [found for found in report["divergences"] if found["reason"] == "missing_call"]
    assert [found["key"] for found in missing] == ["r#1"]
    assert (report["verdict"], report["failedStep"]["reason"]) == ("diverged", "missing_call")
    assert "gate_released" not in codes(report)


def test_skipped_branch_of_racing_threads_holds_nobody_up():
    def agent(*, branch: bool) -> str:
        def work(number: int) -> str:
            return look(number) if branch or number else "left out"

        with ThreadPoolExecutor(4) as pool:
            return repr(list(pool.map(work, range(4))))

    _, recording = record(lambda: agent(branch=True))

    _, report = replay(recording, lambda: agent(branch=False))

    missing = [found["key"] for found in report["divergences"] if found["reason"] == "missing_call"]
    assert missing == ["r/0.work.0#0"]
    assert "gate_released" not in codes(report)


@forkpoint.tool(effect="read")
def look(number: int) -> str:
    return f"found {number}"


@forkpoint.tool(effect="read")
def weigh(number: int) -> str:
    return f"{number} kg"


@forkpoint.tool(effect="read")
def ask(number: int) -> str:
    return f"asked {number}"


@pytest.mark.parametrize("inserted", [ask, look])
def test_inserted_call(inserted: Callable[[int], str]):
    def agent(*, more: bool) -> str:
        said = [look(1)]
        if more:
            with contextlib.suppress(LookupError):
                inserted(1)
        return repr([*said, weigh(2), look(3)])

    said, recording = record(lambda: agent(more=False))
    policy = {
        "policy": "forkpoint.policy/1",
        "on_divergence": "continue",
        "default": {"mode": "exact", "on_miss": ["error_result"]},
    }

    stopped = halted(recording, lambda: agent(more=True))
    again, report = replay(recording, lambda: agent(more=True), policy=policy)

    assert stopped["failedStep"]["reason"] == "extra_call"
    assert (again, report["verdict"]) == (said, "diverged")
    assert [found["reason"] for found in report["divergences"]] == ["extra_call"]


def test_changed_prompt():
    @forkpoint.model
    def chat(messages: list[str], system: str = "be short") -> str:
        return "answer"

    def agent(word: str) -> str:
        try:
            return chat(["hello", word])
        except Exception:
            return "swallowed"

    _, recording = record(lambda: agent("there"))

    report = halted(recording, lambda: agent("you"))

    assert report["failedStep"]["reason"] == "input_changed"
    assert list(report["parts"]) == ["messages"]
    assert [change["pointer"] for change in report["changes"]] == ["/messages/1"]


ORDERS = 100
WAYS = 8


def racing(take: Callable[[list[concurrent.futures.Future[int]]], list[int]]) -> Agent:
    """Eight threads that race to their calls, and work after them, told apart by who is first."""

    def work(number: int) -> int:
        time.sleep(random.random() / 500)
        found = look(number)
        sum(range(random.randrange(2000)))
        return number * 10 + len(found)

    def agent() -> str:
        with ThreadPoolExecutor(WAYS) as pool:
            order = take([pool.submit(work, number) for number in range(WAYS)])
            return f"{order} {weigh(order[0])} {look(order[-1])}"

    return agent


def in_order(waiting: list[concurrent.futures.Future[int]]) -> list[int]:
    return [one.result() for one in as_completed(waiting)]


def first_first(waiting: list[concurrent.futures.Future[int]]) -> list[int]:
    got: list[int] = []
    left = set(waiting)
    while left:
        done, left = concurrent.futures.wait(left, return_when=concurrent.futures.FIRST_COMPLETED)
        got += [one.result() for one in done]
    return got


async def tasks_in_order() -> str:
    async def work(number: int) -> int:
        await asyncio.sleep(random.random() / 500)
        await sample_async()
        await asyncio.sleep(random.random() / 500)
        return number

    return repr([await one for one in asyncio.as_completed([work(n) for n in range(WAYS)])])


async def tasks_first_first() -> str:
    async def work(number: int) -> int:
        await asyncio.sleep(random.random() / 500)
        await sample_async()
        return number

    got: list[int] = []
    left = {asyncio.create_task(work(number)) for number in range(WAYS)}
    while left:
        done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        got += [one.result() for one in done]
    return repr(got)


@pytest.mark.parametrize(
    "agent",
    [racing(in_order), racing(first_first), tasks_in_order, tasks_first_first],
    ids=["as_completed", "FIRST_COMPLETED", "tasks as_completed", "tasks FIRST_COMPLETED"],
)
def test_completion_order(agent: Agent):
    for _ in range(4):
        said, recording = record(agent)
        for _ in range(ORDERS // 4):
            again, report = replay(recording, agent)

            assert (again, report["verdict"]) == (said, "identical")
            assert "gate_released" not in codes(report)


def test_completion_order_under_uvloop():
    def agent() -> str:
        return uvloop.run(tasks_in_order())

    said, recording = record(agent)
    assert len({step.strand for step in recording.started}) == WAYS

    for _ in range(10):
        again, report = replay(recording, agent)
        assert (again, report["verdict"], codes(report)) == (said, "identical", [])


def test_library_spawns():
    """A library that spawns tasks and threads in a call: served, it spawns none of them."""

    @forkpoint.tool(effect="read")
    async def fetched(number: int) -> str:
        async with anyio.create_task_group() as group:
            group.start_soon(asyncio.sleep, 0)
            await anyio.to_thread.run_sync(time.monotonic)
        thread = threading.Thread(target=time.monotonic)
        thread.start()
        thread.join()
        await asyncio.gather(*(asyncio.sleep(0) for _ in range(3)))
        return f"page {number}"

    async def agent() -> str:
        async def work(number: int) -> str:
            return await fetched(number) + await asyncio.to_thread(look, number)

        first = await fetched(9)
        return repr([first, *await asyncio.gather(*(work(number) for number in range(3)))])

    said, recording = record(agent)
    with recorded() as tape, forkpoint.replaying(recording) as running:
        again = run_once(agent)
        keys = sorted(tape.keys())

    assert running.result is not None
    assert (again, running.result.verdict) == (said, "identical")
    assert keys == sorted(step.key for step in recording.started)
