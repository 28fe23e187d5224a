"""Keys and strands: where a call stands never depends on scheduling."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from concurrent.futures import ThreadPoolExecutor

import forkpoint
from forkpoint.capture.strands import Scope
from forkpoint.replay.identity import PATH_LIMIT
from forkpoint.testing.memory import Recorded


@forkpoint.tool(effect="pure")
def leaf(value: object = None) -> object:
    return value


@forkpoint.tool(effect="pure")
async def leaf_async(value: object = None) -> object:
    await asyncio.sleep(0)
    return value


@forkpoint.agent
def branch(count: int) -> None:
    for number in range(count):
        leaf(number)


def test_calls_are_numbered_in_their_scope(memory: Recorded) -> None:
    with forkpoint.run("r"):
        leaf()
        branch(2)
        leaf()

    assert memory.keys() == ["r#0", "r#1", "r#1.0", "r#1.1", "r#2"]
    assert memory.step("r#1.0").parent_id == memory.step("r#1").step_id


def test_tasks_get_their_strand_when_they_are_made(memory: Recorded) -> None:
    async def work(delay: int) -> None:
        for _ in range(delay):
            await asyncio.sleep(0)
        await leaf_async(delay)

    async def main() -> None:
        async with forkpoint.run("r"):
            await leaf_async()
            await asyncio.gather(work(5), work(3), work(1))
            async with asyncio.TaskGroup() as group:
                group.create_task(work(0))

    asyncio.run(main())

    values = {step.key: memory.input(step.key, "args") for step in memory.steps}
    assert values == {
        "r#0": {"value": None},
        "r/1.work.0#0": {"value": 5},
        "r/1.work.1#0": {"value": 3},
        "r/1.work.2#0": {"value": 1},
        "r/1.work.3#0": {"value": 0},
    }


def test_as_completed_makes_its_tasks_in_argument_order(memory: Recorded) -> None:
    async def main() -> None:
        async with forkpoint.run("r"):
            for next_done in asyncio.as_completed([leaf_async(i) for i in range(8)]):
                await next_done

    asyncio.run(main())

    for step in memory.steps:
        assert step.key == f"r/0.leaf_async.{memory.input(step.key, 'args')['value']}#0"  # type: ignore[index,call-overload]


def test_work_for_threads_gets_its_strand_when_it_is_handed_over(memory: Recorded) -> None:
    barrier = threading.Barrier(3)

    def job(value: int) -> None:
        barrier.wait(5)
        leaf(value)

    with forkpoint.run("r"), ThreadPoolExecutor(3) as pool:
        list(pool.map(job, range(3)))
        pool.submit(functools.partial(leaf, 3)).result()
        pool.submit(contextvars.copy_context().run, leaf, 4).result()
        thread = threading.Thread(target=leaf, args=(5,))
        thread.start()
        thread.join()

    values = {step.key: memory.input(step.key, "args")["value"] for step in memory.steps}  # type: ignore[index,call-overload]
    assert values == {
        "r/0.job.0#0": 0,
        "r/0.job.1#0": 1,
        "r/0.job.2#0": 2,
        "r/0.leaf.0#0": 3,
        "r/0.leaf.1#0": 4,
        "r/0.leaf.2#0": 5,
    }


def test_to_thread_keeps_the_strand_of_its_caller(memory: Recorded) -> None:
    async def main() -> None:
        async with forkpoint.run("r"):
            await asyncio.to_thread(leaf, 1)
            await asyncio.to_thread(leaf, 2)

    asyncio.run(main())

    assert memory.keys() == ["r#0", "r#1"]


def test_spawns_inside_an_open_step_count_in_its_scope(memory: Recorded) -> None:
    @forkpoint.agent
    async def fan_out() -> None:
        await asyncio.gather(leaf_async(1), leaf_async(2))

    async def main() -> None:
        async with forkpoint.run("r"):
            await fan_out()

    asyncio.run(main())

    assert memory.keys() == ["r#0", "r#0/0.leaf_async.0#0", "r#0/0.leaf_async.1#0"]
    assert memory.step("r#0/0.leaf_async.1#0").parent_id == memory.step("r#0").step_id


def test_a_named_strand_depends_on_its_key_alone(memory: Recorded) -> None:
    with forkpoint.run("r"):
        for key in ("b", "a", "b"):
            with forkpoint.strand("worker", key=key):
                leaf()

    assert memory.keys() == ["r/!worker:b#0", "r/!worker:a#0", "r/!worker:b.1#0"]


def test_calls_of_two_threads_in_one_scope_are_contended(memory: Recorded) -> None:
    inside, go = threading.Event(), threading.Event()

    @forkpoint.tool
    def slow() -> None:
        inside.set()
        go.wait(5)

    with forkpoint.run("r"):
        context = contextvars.copy_context()
        other = threading.Thread(target=lambda: None)
        other.run = lambda: context.run(slow)  # type: ignore[method-assign]
        other.start()
        inside.wait(5)
        leaf()
        go.set()
        other.join()

    assert [step.contended for step in memory.steps] == [False, True]


def test_a_long_path_is_shortened_to_its_digest() -> None:
    scope = Scope("r", "r")
    for _ in range(40):
        path = scope.spawn("a_rather_long_label")
        scope = Scope(path, path)

    assert len(scope.begin()[0].encode()) <= PATH_LIMIT + 80


def test_a_deep_nest_of_calls_gives_short_keys_that_differ(memory: Recorded) -> None:
    @forkpoint.agent
    def nest(depth: int) -> None:
        if depth:
            nest(depth - 1)
            leaf()

    with forkpoint.run("r"):
        nest(120)

    keys = memory.keys()
    assert len(set(keys)) == len(keys) == 241
    assert max(len(key) for key in keys) < PATH_LIMIT + 10
