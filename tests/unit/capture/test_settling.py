"""Waiting for futures in a run: in the order in which they settled, and never less than asked."""

from __future__ import annotations

import asyncio
import concurrent.futures
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import forkpoint
import pytest
from forkpoint.capture import settling
from forkpoint.capture.settling import Settled
from forkpoint.testing.memory import Recorded


def failing() -> None:
    raise ValueError("no")


def test_user_code_gets_one_at_a_time_and_libraries_all_that_is_done(memory: Recorded) -> None:
    with forkpoint.run("r"), ThreadPoolExecutor(1) as pool:
        work = [pool.submit(int, str(number)) for number in range(4)]
        concurrent.futures.wait(work)
        one, others = concurrent.futures.wait(
            reversed(work), return_when=concurrent.futures.FIRST_COMPLETED
        )
        every = settling.wait(reversed(work), None, "FIRST_COMPLETED", single=False)

    assert [list(one), list(others)] == [[work[0]], work[:0:-1]]
    assert (list(every.done), list(every.not_done)) == (work, [])


def test_the_first_exception_ends_the_wait(memory: Recorded) -> None:
    with forkpoint.run("r"), ThreadPoolExecutor(1) as pool:
        work: list[Future[Any]] = [pool.submit(int), pool.submit(failing), pool.submit(int)]
        concurrent.futures.wait(work)
        done, left = concurrent.futures.wait(work, return_when=concurrent.futures.FIRST_EXCEPTION)

    assert (list(done), list(left)) == (work[:2], work[2:])


def test_a_time_that_is_up_leaves_what_is_not_done(memory: Recorded) -> None:
    waiting: Future[int] = Future()
    with forkpoint.run("r"), ThreadPoolExecutor(1) as pool:
        work = [pool.submit(int), waiting]
        done, left = concurrent.futures.wait(work, timeout=0.05)
        with pytest.raises(TimeoutError, match=r"1 \(of 2\) futures unfinished"):
            list(concurrent.futures.as_completed(work, timeout=0.05))

    assert (list(done), list(left)) == ([work[0]], [waiting])


def test_futures_nobody_follows_are_waited_for_like_others(memory: Recorded) -> None:
    foreign: Future[int] = Future()
    foreign.set_result(1)
    with forkpoint.run("r"), ThreadPoolExecutor(1) as pool:
        ours = pool.submit(int)

        assert set(concurrent.futures.as_completed([foreign, ours, foreign])) == {foreign, ours}


async def test_tasks_that_are_done_come_in_the_order_in_which_they_settled(
    memory: Recorded,
) -> None:
    async def work(turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        return turns

    async with forkpoint.run("r"):
        tasks = [asyncio.create_task(work(turns)) for turns in (5, 1, 3)]
        await asyncio.gather(*tasks)
        done, left = await asyncio.wait(tasks)
        first, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        given = [await one for one in asyncio.as_completed(tasks)]

    assert [one.result() for one in done] == [1, 3, 5] == given
    assert ([one.result() for one in first], left) == ([1], set())


def test_a_settled_set_is_a_set_that_keeps_its_order() -> None:
    kept = Settled("cab")
    kept.add("d")
    kept.discard("a")
    kept |= {"z"}

    assert (list(kept), len(kept), "b" in kept) == (["c", "b", "d", "z"], 4, True)
    assert [kept.pop() for _ in range(4)] == ["c", "b", "d", "z"]
    with pytest.raises(KeyError):
        kept.pop()
