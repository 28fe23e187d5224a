"""The awkward agent of the replay guide, in threads, in tasks, and in both at once."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import forkpoint
import openai
from forkpoint.replay.recording import Recording
from forkpoint.testing.memory import recorded

Agent = Callable[[], str | Awaitable[str]]

ran: list[str] = []
"""Names of tools and planners whose bodies ran."""
_drawn = itertools.count()


class Refused(ValueError):
    """Raised by a tool."""


@forkpoint.planner
def plan(goal: str) -> list[str]:
    ran.append("plan")
    return [f"{goal} {number}" for number in range(4)]


@forkpoint.tool(effect="read")
def fetch(query: str) -> dict[str, object]:
    ran.append("fetch")
    return {"query": query, "score": 1.0, "by": next(_drawn)}


@forkpoint.tool(effect="read")
async def fetch_async(query: str) -> dict[str, object]:
    ran.append("fetch")
    await asyncio.sleep(0.001 * (len(query) % 3))
    return {"query": query, "score": 1.0, "by": next(_drawn)}


@forkpoint.tool(effect="write")
def save(text: str) -> str:
    ran.append("save")
    return f"saved {len(text)}"


@forkpoint.tool(effect="read")
def refuse(reason: str) -> None:
    ran.append("refuse")
    raise Refused(reason)


def refused(reason: str) -> str:
    try:
        refuse(reason)
    except ValueError as error:
        return f"{type(error).__name__}: {error!r}"
    return "went through"


def talk(*seen: object) -> Any:
    return [{"role": "user", "content": repr(seen)}]


def client_of(url: str) -> openai.OpenAI:
    """A client that does not load certificates, which would take longer than all its calls."""
    http = openai.DefaultHttpxClient(verify=False)
    return openai.OpenAI(api_key="k", base_url=url, http_client=http)


def sync_agent(url: str) -> str:
    """Everything in threads of a pool."""
    seen: list[object] = list(plan("find"))
    with ThreadPoolExecutor(4) as pool:
        seen += pool.map(fetch, [f"query {number}" for number in range(4)])
        seen += pool.map(fetch, ["the same"] * 4)
    with client_of(url) as client:
        seen += _asked(client, seen)
    return repr(seen)


async def async_agent(url: str) -> str:
    """Everything in tasks."""
    seen: list[object] = list(plan("find"))
    seen += await asyncio.gather(*(fetch_async("q" * number) for number in range(4)))
    seen += await asyncio.gather(*(fetch_async("the same") for _ in range(4)))
    seen += [save("text"), refused("not allowed")]
    http = openai.DefaultAsyncHttpxClient(verify=False)
    async with openai.AsyncOpenAI(api_key="k", base_url=url, http_client=http) as client:
        chat = client.chat.completions
        seen.append(str(await chat.create(model="retry", messages=talk("r"))))
        try:
            await chat.create(model="status-400", messages=talk("b"))
        except openai.BadRequestError as error:
            seen.append((str(error), error.status_code, repr(error.body)))
        stream = await chat.create(model="stream", messages=talk("s"), stream=True)
        seen.append([str(chunk) async for chunk in stream])
        seen.append(str(await chat.create(model="last", messages=talk(seen))))
    return repr(seen)


async def mixed_agent(url: str) -> str:
    """Tasks that hand work to threads, and threads of their own."""
    loop = asyncio.get_running_loop()
    seen: list[object] = list(await asyncio.to_thread(plan, "find"))
    with ThreadPoolExecutor(4) as pool:
        waiting = [loop.run_in_executor(pool, fetch, f"query {number}") for number in range(4)]
        seen += await asyncio.gather(*waiting)
        seen += await asyncio.gather(*(fetch_async("the same") for _ in range(4)))
    box: list[object] = []
    with client_of(url) as client:
        thread = threading.Thread(target=lambda: box.extend(_asked(client, seen)))
        thread.start()
        await asyncio.to_thread(thread.join)
    return repr([seen, box])


AGENTS: dict[str, Callable[[str], str | Awaitable[str]]] = {
    "sync": sync_agent,
    "async": async_agent,
    "mixed": mixed_agent,
}


def _asked(client: openai.OpenAI, seen: list[object]) -> list[object]:
    """A write, a tool that raises, a retry, a refusal, a stream, and a call over all of it."""
    said: list[object] = [save("text"), refused("not allowed")]
    chat = client.chat.completions
    said.append(str(chat.create(model="retry", messages=talk("r"))))
    try:
        chat.create(model="status-400", messages=talk("b"))
    except openai.BadRequestError as error:
        said.append((str(error), error.status_code, repr(error.body)))
    with chat.create(model="stream", messages=talk("s"), stream=True) as stream:
        said.append([str(chunk) for chunk in stream])
    said.append(str(chat.create(model="last", messages=talk(seen, said))))
    return said


def run_once(agent: Agent) -> str:
    """One run of an agent, its answer being the run's output."""
    with forkpoint.run("agent") as run:
        answer = agent()
        text = answer if isinstance(answer, str) else asyncio.run(_waited(answer))
        run.set_output(text)
    return text


def record(agent: Agent) -> tuple[str, Recording]:
    """What an agent says, and its recording."""
    with recorded() as tape:
        text = run_once(agent)
        return text, tape.recording()


def replay(recording: Recording, agent: Agent, **spec: object) -> tuple[str, dict[str, Any]]:
    """What an agent says in a replay, and the report."""
    with recorded(), forkpoint.replaying(recording, dict(spec)) as running:
        text = run_once(agent)
    assert running.result is not None
    return text, dict(running.result.report)


def halted(recording: Recording, agent: Agent, **spec: object) -> dict[str, Any]:
    """The report of a replay that raises out of its agent."""
    with recorded(), forkpoint.replaying(recording, dict(spec)) as running:
        try:
            run_once(agent)
        except forkpoint.Diverged:
            pass
        else:
            raise AssertionError("the replay went on")
    assert running.result is not None
    return dict(running.result.report)


def codes(report: dict[str, Any]) -> list[str]:
    """Soft findings of a report."""
    return [str(found["code"]) for found in report["soft"]]


async def _waited(answer: Awaitable[str]) -> str:
    return await answer
