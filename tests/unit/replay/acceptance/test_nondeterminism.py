"""Time, chance and identifiers that user code draws: a replay draws them again."""

from __future__ import annotations

import asyncio
import datetime
import os
import pickle
import random
import secrets
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import date
from pathlib import Path
from random import choice
from time import time as now_s

import forkpoint
import pytest
from forkpoint.testing.memory import recorded

from .agents import codes, record, replay


@forkpoint.tool(effect="read")
def tell(value: object) -> object:
    return value


def drawing() -> str:
    chance = random.Random()
    seen: list[object] = [
        time.time(),
        now_s(),
        time.time_ns(),
        time.monotonic(),
        time.perf_counter_ns(),
        time.strftime("%H:%M:%S"),
        time.gmtime().tm_yday,
        datetime.datetime.now().isoformat(),
        datetime.datetime.now(datetime.UTC).isoformat(),
        datetime.datetime.today().isoformat(),
        date.today().isoformat(),
        random.random(),
        random.randint(1, 10**9),
        random.sample(range(1000), 3),
        choice("abcdefgh"),
        chance.random(),
        chance.getrandbits(70),
        str(uuid.uuid4()),
        str(uuid.uuid1()),
        os.urandom(5).hex(),
        secrets.token_hex(),
        secrets.token_urlsafe(6),
        secrets.randbelow(10**9),
    ]
    tell(seen)
    return repr(seen)


def in_threads() -> str:
    said: list[str] = ["", ""]

    def work(number: int) -> None:
        time.sleep(0.001 * (2 - number))
        said[number] = drawing()

    threads = [threading.Thread(target=work, args=[number]) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return repr(said)


async def in_tasks() -> str:
    async def work(number: int) -> str:
        await asyncio.sleep(0.001 * (3 - number))
        return drawing()

    return repr(await asyncio.gather(*(work(number) for number in range(3))))


@pytest.mark.parametrize("agent", [drawing, in_threads, in_tasks])
@pytest.mark.parametrize("how", ["soft", "strict"])
def test_nondeterminism(agent: Callable[[], str], how: str):
    said, recording = record(agent)

    again, report = replay(recording, agent, policy=policy(how))

    assert (again, report["verdict"], report["soft"]) == (said, "identical", [])


@pytest.mark.parametrize(("how", "verdict"), [("soft", "identical"), ("strict", "diverged")])
@pytest.mark.parametrize(
    "extra", [lambda: time.time(), lambda: uuid.uuid4(), lambda: random.random()]
)
def test_nondeterminism_of_an_extra_draw(extra: Callable[[], object], how: str, verdict: str):
    def agent(*, more: bool) -> str:
        tell(time.time())
        if more:
            drawn.append(extra())
        return "done"

    drawn: list[object] = []
    _, recording = record(lambda: agent(more=False))

    reports = [replay(recording, lambda: agent(more=True), policy=policy(how))[1] for _ in "ab"]

    assert [report["verdict"] for report in reports] == [verdict] * 2
    assert codes(reports[0]) == ["nondeterminism_drift"]
    assert drawn[0] == drawn[1]


def test_nondeterminism_is_left_alone_where_the_policy_says_off():
    _, recording = record(lambda: str(time.time()))

    again, report = replay(recording, lambda: str(time.time()), policy=policy("off"))

    assert float(again) > recording.start.started_ns / 1e9
    assert report["failedStep"]["reason"] == "outcome_changed"


def test_sleeps_end_at_once_and_in_the_recorded_order():
    async def agent() -> str:
        ended: list[int] = []

        async def work(number: int) -> None:
            await asyncio.sleep(0.05 if number == 1 else 0.01 * (number + 2))
            ended.append(number)

        await asyncio.gather(*(work(number) for number in range(3)))
        time.sleep(0.01)
        return repr(ended)

    said, recording = record(agent)

    again, report = replay(recording, agent)

    assert (said, again, report["verdict"]) == ("[0, 2, 1]", said, "identical")
    assert codes(report) == []


def test_a_cancelled_sleep_hangs_until_it_is_cancelled_again():
    async def agent() -> str:
        try:
            async with asyncio.timeout(0.02):
                await asyncio.sleep(5)
        except TimeoutError:
            return "timed out"
        return "slept"

    said, recording = record(agent)

    again, report = replay(recording, agent)

    assert (said, again, report["verdict"]) == ("timed out", "timed out", "identical")


def test_draws_inside_a_served_step_and_of_libraries_are_not_kept():
    @forkpoint.tool(effect="read")
    def inside() -> float:
        return time.time() + random.random()

    def agent() -> str:
        inside()
        return str(Path("x").with_suffix(".y"))

    with recorded() as tape, forkpoint.run("r"):
        agent()

    assert [event for event in tape.events if getattr(event, "name", "") == "draws"] == []


def test_what_stands_in_for_the_library_pickles_and_counts_as_it():
    with recorded(), forkpoint.run("r"):
        generator = random.Random()
        moment = datetime.datetime.now()

    assert pickle.loads(pickle.dumps(time.sleep)) is time.sleep
    assert pickle.loads(pickle.dumps(moment)) == moment
    assert type(moment) is datetime.datetime
    again = pickle.loads(pickle.dumps(generator))
    assert isinstance(generator, random.Random)
    assert (type(again), again.random()) == (random.Random, generator.random())


def test_a_seed_gives_the_same_numbers_as_without_a_recorder():
    def agent() -> str:
        random.seed(42)
        return repr([random.gauss(0, 1), random.choice(range(10**6)), random.random()])

    said, _ = record(agent)

    program = (
        "import random; random.seed(42);"
        "print([random.gauss(0, 1), random.choice(range(10**6)), random.random()])"
    )
    bare = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert said == bare.stdout.strip()


def policy(how: str) -> dict[str, object]:
    return {"policy": "forkpoint.policy/1", "nondeterminism": how}
