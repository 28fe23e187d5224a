"""Whole agents, recorded and replayed in this process: nothing of theirs may run a second time."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import forkpoint
import pytest
from forkpoint.events.kinds import Verdict
from forkpoint.replay.recording import Recording
from forkpoint.testing.memory import Recorded, recorded

executed: list[str] = []
"""Names of tools and models whose bodies ran, in order."""


@pytest.fixture(autouse=True)
def _nothing_executed() -> None:
    executed.clear()


def recording_of(tape: Recorded) -> Recording:
    return Recording.load(tape.run, tape.end, enumerate(tape.events), tape.get)


@forkpoint.planner
def plan(goal: str) -> list[str]:
    executed.append("plan")
    return [f"{goal} {number}" for number in range(4)]


@forkpoint.tool(effect="read")
async def fetch(query: str) -> dict[str, object]:
    executed.append("fetch")
    await asyncio.sleep(0.001 * (hash(query) % 5))
    return {"query": query, "score": 1.0}


counter = iter(range(10_000))


@forkpoint.tool(effect="read")
async def sample() -> int:
    executed.append("sample")
    await asyncio.sleep(0)
    return next(counter)


@forkpoint.tool(effect="write")
def save(text: str) -> str:
    executed.append("save")
    return f"saved {len(text)}"


class Refused(ValueError):
    """Raised by a tool."""


@forkpoint.tool(effect="read")
def refuse(reason: str) -> None:
    executed.append("refuse")
    raise Refused(reason)


@forkpoint.model
async def stream(messages: list[str]) -> AsyncIterator[str]:
    executed.append("stream")
    for word in ("one", "two", "three"):
        yield word


@forkpoint.model
def stream_sync(messages: list[str]) -> Iterator[str]:
    executed.append("stream")
    yield from ("one", "two", "three")


@forkpoint.model
def chat(messages: list[object]) -> str:
    executed.append("chat")
    return f"answer to {len(messages)}"


THREADS = 6
everybody = threading.Barrier(THREADS)


@forkpoint.tool(effect="read")
def meet(number: int) -> str:
    """Returns once all are inside, so that the calls are open at once."""
    everybody.wait()
    return f"number {number}"


def refusal() -> str:
    try:
        refuse("not allowed")
    except ValueError as error:
        return f"{type(error).__name__}: {error!r}"
    return "went through"


async def awkward() -> str:
    seen: list[object] = list(plan("find"))
    seen += await asyncio.gather(*(fetch(query) for query in list(seen)))
    seen += await asyncio.gather(*(sample() for _ in range(4)))
    seen.append(save("text"))
    seen.append(refusal())
    seen.append([word async for word in stream(["go"])])
    seen.append(chat(list(seen)))
    return repr(seen)


def awkward_sync() -> str:
    seen: list[object] = list(plan("find"))
    with ThreadPoolExecutor(4) as pool:
        seen += pool.map(lambda query: asyncio.run(fetch(query)), list(seen))
        seen += pool.map(lambda _: asyncio.run(sample()), range(4))
    seen.append(save("text"))
    seen.append(refusal())
    seen.append(list(stream_sync(["go"])))
    seen.append(chat(list(seen)))
    return repr(seen)


def run_once(agent: Callable[[], str | Awaitable[str]]) -> str:
    with forkpoint.run("awkward") as run:
        text = agent()
        if not isinstance(text, str):
            text = asyncio.run(text)
        run.set_output(text)
    return text


def record(agent: Callable[[], str | Awaitable[str]]) -> tuple[str, Recording]:
    with recorded() as tape:
        text = run_once(agent)
        return text, recording_of(tape)


def replay(
    recording: Recording, agent: Callable[[], str | Awaitable[str]], **spec: object
) -> tuple[str, dict[str, object]]:
    with recorded(), forkpoint.replaying(recording, dict(spec)) as running:
        text = run_once(agent)
    assert running.result is not None
    return text, dict(running.result.report)


@pytest.mark.parametrize("agent", [awkward, awkward_sync])
def test_the_awkward_agent_replays_byte_for_byte_and_runs_nothing(agent):
    said, recording = record(agent)
    executed.clear()

    for _ in range(10):
        again, report = replay(recording, agent)

        assert again == said
        assert (report["verdict"], report["divergences"]) == (Verdict.IDENTICAL, [])
        assert report["matched"] == report["recorded"]
    assert executed == []


def test_200_equal_calls_at_once_get_each_their_own_answer():
    async def agent() -> str:
        return repr(await asyncio.gather(*(sample() for _ in range(200))))

    said, recording = record(agent)

    assert replay(recording, agent)[0] == said


def test_200_equal_calls_in_threads_get_each_their_own_answer():
    def agent() -> str:
        with ThreadPoolExecutor(8) as pool:
            return repr(list(pool.map(lambda _: asyncio.run(sample()), range(200))))

    said, recording = record(agent)

    assert replay(recording, agent)[0] == said


def test_calls_of_several_threads_in_one_scope_get_each_the_answer_to_its_question():
    def agent() -> str:
        contexts = [contextvars.copy_context() for _ in range(THREADS)]
        with ThreadPoolExecutor(THREADS) as pool:
            said = pool.map(lambda number: contexts[number].run(meet, number), range(THREADS))
            return repr(list(said))

    said, recording = record(agent)
    assert {step.strand for step in recording.started} == {"r"}

    for _ in range(10):
        again, report = replay(recording, agent)
        assert (again, report["verdict"]) == (said, Verdict.IDENTICAL)


def test_a_changed_prompt_halts_before_anything_runs():
    _, recording = record(lambda: chat(["a", "b"]))
    executed.clear()

    def changed() -> str:
        try:
            return chat(["a", "c"])
        except Exception:
            return "swallowed"

    with (
        recorded(),
        forkpoint.replaying(recording) as running,
        pytest.raises(forkpoint.Diverged),
    ):
        run_once(changed)

    assert running.result is not None
    report = running.result.report
    assert (report["verdict"], list(report["parts"])) == (Verdict.DIVERGED, ["messages"])
    assert report["changes"] == [{"pointer": "/messages/1", "expected": "b", "got": "c"}]
    assert executed == []


def test_a_skipped_branch_is_one_missing_call():
    def agent(*, branch: bool) -> str:
        text = chat([1])
        return text + (save("x") if branch else "")

    _, recording = record(lambda: agent(branch=True))

    _, report = replay(recording, lambda: agent(branch=False))

    missing = [found for found in report["divergences"] if found["reason"] == "missing_call"]
    assert [found["key"] for found in missing] == ["r#1"]


def test_a_fork_in_a_fan_out_changes_one_answer_and_keeps_the_siblings():
    async def agent() -> str:
        found = await asyncio.gather(*(fetch(f"q{number}") for number in range(4)))
        return repr([one["score"] for one in found])

    _, recording = record(agent)
    executed.clear()
    key = next(step.key for step in recording.started if ".2" in step.key)

    said, report = replay(
        recording,
        agent,
        kind="fork",
        cut={"key": key},
        edits=[{"kind": "output", "patch": [{"op": "replace", "path": "/score", "value": 9}]}],
    )

    assert (said, report["verdict"]) == ("[1.0, 1.0, 9, 1.0]", Verdict.FORKED)
    assert executed == []


def test_the_error_of_an_edit_reaches_the_agent():
    _, recording = record(lambda: save("x"))

    def agent() -> str:
        try:
            return save("x")
        except RuntimeError as error:
            return str(error)

    said, _ = replay(
        recording, agent, kind="fork", edits=[{"kind": "fail", "key": "r#0", "value": 503}]
    )

    assert said == "Error code: 503 - Service Unavailable"


def test_a_replay_of_a_replay_is_identical():
    said, recording = record(awkward)
    with recorded() as tape, forkpoint.replaying(recording):
        run_once(awkward)
        second = recording_of(tape)

    again, report = replay(second, awkward)

    assert (again, report["verdict"]) == (said, Verdict.IDENTICAL)
