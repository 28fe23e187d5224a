from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable

import pytest
from forkpoint_server.db.engine import Database, driver
from forkpoint_server.errors import GiveUp, RetryLater
from forkpoint_server.jobs.enqueue import enqueue
from forkpoint_server.jobs.names import JobKind
from forkpoint_server.jobs.wake import Waker
from forkpoint_worker.alarm import listening
from forkpoint_worker.loop import Worker
from forkpoint_worker.reconcile import RECONCILER_LOCK, reconcile
from forkpoint_worker.work import Services, Work
from stack import Database as Scratch


@pytest.fixture(autouse=True)
def no_jobs(database: Scratch) -> None:
    database.sql("delete from job")


async def done(work: Work) -> None:
    async with work.finishing():
        pass


async def test_a_job_is_done_once_and_its_results_come_with_it(
    services: Services, database: Scratch
):
    async def handler(work: Work) -> None:
        async with work.finishing() as raw:
            await raw.execute("update project set name = name || '!'")

    await _queue(services.database)
    await _worker(services, handler).work_off()
    await _worker(services, handler).work_off()

    assert _jobs(database) == [["done", "1", ""]]
    assert database.sql("select name from project where project_id = 1") == "default!"
    database.sql("update project set name = 'default'")


async def test_a_job_that_fails_waits_for_its_next_attempt(services: Services, database: Scratch):
    async def handler(_: Work) -> None:
        raise KeyError("x")

    await _queue(services.database)
    await _worker(services, handler).work_off()

    assert _jobs(database) == [["queued", "1", "KeyError"]]
    assert database.sql("select run_at > now() from job") == "t"


async def test_a_job_that_asks_for_a_time_gets_it(services: Services, database: Scratch):
    async def handler(_: Work) -> None:
        raise RetryLater("the store is away", retry_after_s=600)

    await _queue(services.database)
    await _worker(services, handler).work_off()

    assert database.sql("select run_at > now() + interval '9 minutes' from job") == "t"


async def test_a_job_that_gives_up_has_failed_for_good(services: Services, database: Scratch):
    async def handler(_: Work) -> None:
        raise GiveUp("no such format", code="format_unsupported")

    await _queue(services.database)
    await _worker(services, handler).work_off()

    assert _jobs(database) == [["failed", "1", "format_unsupported"]]


async def test_the_sixth_claim_puts_a_job_into_quarantine(services: Services, database: Scratch):
    ran: list[int] = []

    async def handler(work: Work) -> None:
        ran.append(work.job.attempt)
        raise KeyError("x")

    await _queue(services.database)
    for _ in range(7):
        await _worker(services, handler).work_off()
        database.sql("update job set run_at = now() where state = 'queued'")

    assert ran == [1, 2, 3, 4, 5]
    assert _jobs(database) == [["quarantined", "6", "too_many_attempts"]]


async def test_a_worker_that_stops_hands_back_what_it_cannot_finish(
    services: Services, database: Scratch
):
    begun = asyncio.Event()

    async def handler(_: Work) -> None:
        begun.set()
        await asyncio.Event().wait()

    await _queue(services.database)
    worker = _worker(services, handler)
    running = asyncio.create_task(worker.run(poll_s=30, drain_s=0))
    await begun.wait()
    worker.stopping.set()
    await running

    assert _jobs(database) == [["queued", "0", ""]]
    assert database.sql("select run_at <= now() from job") == "t"


async def test_a_worker_that_stops_finishes_what_can_be_finished(
    services: Services, database: Scratch
):
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def handler(work: Work) -> None:
        begun.set()
        await go_on.wait()
        await done(work)

    await _queue(services.database)
    worker = _worker(services, handler)
    running = asyncio.create_task(worker.run(poll_s=30, drain_s=30))
    await begun.wait()
    worker.stopping.set()
    go_on.set()
    await running

    assert _jobs(database) == [["done", "1", ""]]


async def test_a_wake_up_through_the_queue_has_the_table_looked_at(
    services: Services, database: Scratch
):
    waker = Waker(database.redis_url, name=f"test-{uuid.uuid4()}")
    ran = asyncio.Event()

    async def handler(work: Work) -> None:
        await done(work)
        ran.set()

    worker = _worker(services, handler)
    async with listening(waker, worker.woken):
        running = asyncio.create_task(worker.run(poll_s=3600, drain_s=30))
        job_id = await _queue(services.database)
        sent = await waker.wake(job_id, 0)
        again = await waker.wake(job_id, 0)
        await asyncio.wait_for(ran.wait(), timeout=60)
        worker.stopping.set()
        await running
    await waker.close()

    assert (sent, again) == (True, False)


async def test_the_reconciler_wakes_due_jobs_and_queues_the_periodic_ones_once(
    services: Services, database: Scratch
):
    woken: list[tuple[int, int]] = []

    async def wake(job_id: int, attempt: int) -> None:
        woken.append((job_id, attempt))

    assert await reconcile(services.database, wake) is True
    assert await reconcile(services.database, wake) is True

    ids = {int(row) for row in database.sql("select id from job").split()}
    assert {job_id for job_id, _ in woken} == ids
    assert len(ids) == 3 * int(database.sql("select count(*) from project"))


async def test_only_one_reconciler_works_at_a_time(services: Services):
    async def wake(_: int, __: int) -> None:
        raise AssertionError("nobody may be woken")

    async with services.database.crossing() as connection:
        raw = await driver(connection)
        await raw.execute("select pg_advisory_xact_lock($1)", RECONCILER_LOCK)

        assert await reconcile(services.database, wake) is False


def _worker(services: Services, handler: Callable[[Work], Awaitable[None]]) -> Worker:
    return Worker(
        services,
        owner="test",
        handlers={JobKind.RETAIN: handler},
        luck=random.Random(1),
    )


async def _queue(database: Database) -> int:
    async with database.transaction(1) as connection:
        queued = await enqueue(
            await driver(connection), 1, JobKind.RETAIN, dedupe_key=str(uuid.uuid4())
        )
    assert queued is not None
    return queued


def _jobs(database: Scratch) -> list[list[str]]:
    rows = database.sql("select state, attempt, error_class from job order by id")
    return [row.split("\t") for row in rows.splitlines()]
