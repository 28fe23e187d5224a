"""Kill -9 of Postgres under load: every process stays and goes on; what was acknowledged is there.

In each round either the postmaster dies, or one of its backends, or all of them at once; then
nobody answers for a while. `FORKPOINT_FAULT_ROUNDS` rounds (default 3, one of each kind).
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from faults.load import Sender, loaded
from faults.oracle import breaches
from faults.processes import api, back_up, children_of
from faults.rounds import luck, rounds
from forkpoint.content import decode, digest_from_text
from forkpoint.events.model import StepEnded
from forkpoint_cli.client import Service as Client
from forkpoint_cli.recordings import Recorded, download
from forkpoint_cli.settings import Settings
from forkpoint_server.artifacts.stores import open_blobs
from forkpoint_server.db.engine import Database as Forkpoint
from forkpoint_server.db.migrate import upgrade
from forkpoint_server.embedded import Embedded
from forkpoint_server.embedded.postgres import DATABASE
from forkpoint_server.live.publish import Silent
from forkpoint_worker.loop import Worker
from forkpoint_worker.reconcile import keep_reconciling
from forkpoint_worker.work import Services
from serving import Service, settings_for
from stack import Database
from subscribing import seqs_of

SENDERS = 4
KINDS = ("everything", "postmaster", "backend")
AWAY_S = (0.0, 3.0)
"""How long connections are refused; drawn evenly."""
ROUNDS = rounds(len(KINDS))
pytestmark = pytest.mark.timeout(180 + 30 * ROUNDS)


@pytest.fixture
def databases(tmp_path: Path) -> Iterator[Embedded]:
    """A Postgres that keeps what it has committed, as users have it, and a Valkey."""
    with Embedded(tmp_path) as running:
        upgrade(running.database_url(role="owner"))
        yield running
    shutil.rmtree(running.layout.postgres)


async def test_a_postgres_killed_under_load_costs_time_and_nothing_else(
    databases: Embedded, tmp_path: Path
):
    chance, database = luck(), Database(embedded=databases, name=DATABASE)
    async with api(database, tmp_path) as served, _working(database, tmp_path) as worker:
        async with (
            loaded(served.url, senders=SENDERS) as (senders, answers),
            _followed(served.url, senders[0].run.run_id) as seqs,
        ):
            for number in range(ROUNDS):
                await answers.more(chance.randint(5, 25))
                kind = KINDS[number % len(KINDS)]
                away_s = await _kill(databases, kind, chance)
                seconds = await answers.more(1)
                print(f"{number}: {kind} gone {away_s:.2f} s, answered {seconds:.2f} s later")
        for sender in senders:
            await sender.finish()
        delivered = await seqs
        await _until_no_job_is_left(database)
        stored = [await _download(served.url, sender) for sender in senders]
        assert not worker.done()

    ledgers = [sender.ledger for sender in senders]
    events = sum(len(each.sent) for each in ledgers)
    print(f"{events} events, {sum(each.duplicates for each in senders)} came twice")
    assert [each for one in ledgers for each in breaches(database, one, unpacked=False)] == []
    assert all(ledger.acknowledged == ledger.sent.keys() for ledger in ledgers)
    assert delivered == list(range(len(ledgers[0].sent)))
    for recorded in stored:
        _check_payload(recorded)


async def _kill(databases: Embedded, kind: str, chance: random.Random) -> float:
    """Kill some of Postgres and bring it back; the seconds that nobody could connect."""
    postmaster = databases.child("postgres").process
    backends = children_of(postmaster.pid)
    if kind == "backend":  # the postmaster ends all others and recovers by itself
        os.kill(chance.choice(backends), signal.SIGKILL)
        return 0.0
    began = time.monotonic()
    for pid in (postmaster.pid, *(backends if kind == "everything" else ())):
        os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(postmaster.wait)
    await asyncio.sleep(chance.uniform(*AWAY_S))
    await back_up(databases)
    return time.monotonic() - began


@asynccontextmanager
async def _working(database: Database, data: Path) -> AsyncGenerator[asyncio.Task[None]]:
    """A worker and its reconciler; the task ends when either does."""
    opened = Forkpoint(database.url("worker"), pool_size=4)
    blobs = await open_blobs(settings_for(database, data))
    services = Services(
        database=opened, blobs=blobs, publisher=lambda _: Silent(), clock=time.time_ns
    )
    worker = Worker(services, owner="test")

    async def wake(_job: int, _attempt: int) -> None:
        worker.woken.set()

    async def work() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(worker.run(poll_s=0.5, drain_s=5))
            tasks.create_task(keep_reconciling(opened, wake, every_s=0.5, stopping=worker.stopping))

    task = asyncio.create_task(work())
    yield task
    worker.stopping.set()
    await task
    await opened.close()


@asynccontextmanager
async def _followed(url: str, run_id: str) -> AsyncGenerator[asyncio.Task[list[int]]]:
    """One subscription, opened once: all seqs that it delivers until the run is over."""

    async def follow() -> list[int]:
        async with httpx2.AsyncClient(base_url=url) as client:
            return await seqs_of(Service(url=url, client=client), run_id)

    task = asyncio.create_task(follow())
    try:
        yield task
    except BaseException:
        task.cancel()
        raise


async def _until_no_job_is_left(database: Database) -> None:
    """Wait until the worker has done what the ends of the runs asked for; nothing is given up."""
    left = "select count(*) from job where state in ('queued', 'leased') and run_id is not null"
    while database.sql(left) != "0":
        await asyncio.sleep(0.1)
    lost = (
        "select kind, state, error_class from job where state not in ('queued', 'leased', 'done')"
    )
    assert database.sql(lost) == ""


async def _download(url: str, sender: Sender) -> Recorded:
    service = Client(Settings(url=url))
    return await asyncio.to_thread(download, service, sender.run.run_id)


def _check_payload(stored: Recorded) -> None:
    """Each step has the output that its sender gave it."""
    ends = [event for _, event in stored.events if isinstance(event, StepEnded)]
    for number, end in enumerate(ends):
        [ref] = end.artifacts
        assert ref.root is not None
        value = decode(
            digest_from_text(ref.root),
            lambda wanted: {one: stored.blocks[one] for one in wanted if one in stored.blocks},
        )
        assert isinstance(value, dict)
        assert (value["number"], value["run"]) == (number, end.run_id)
