from __future__ import annotations

import asyncio
import random
import uuid
from datetime import timedelta

import pytest
from forkpoint_server.db.engine import Database, driver
from forkpoint_server.jobs.enqueue import enqueue
from forkpoint_server.jobs.leases import (
    Job,
    LeaseLost,
    claim,
    delay_after,
    due,
    end,
    finish,
    hand_back,
    put_back,
    renew,
)
from forkpoint_server.jobs.names import JobKind
from stack import Database as Scratch

NOW = timedelta()


@pytest.fixture(autouse=True)
def no_jobs(database: Scratch) -> None:
    database.sql("delete from job")


async def test_a_job_is_queued_once_while_it_waits_and_again_when_it_is_done(
    open_database: Database,
):
    first = await _queue(open_database, key="a")
    again = await _queue(open_database, key="a")
    [job] = await claim(open_database, owner="one", most=5)
    while_leased = await _queue(open_database, key="a")
    await _finish(open_database, job)

    assert (again, while_leased) == (None, None)
    assert await _queue(open_database, key="a") not in (None, first)


async def test_a_job_vanishes_with_the_transaction_of_its_cause(open_database: Database):
    with pytest.raises(RuntimeError):
        async with open_database.transaction(1) as connection:
            await enqueue(await driver(connection), 1, JobKind.RETAIN, dedupe_key="x")
            raise RuntimeError

    assert await claim(open_database, owner="one", most=5) == []


async def test_many_claimers_share_the_jobs_without_doubles(open_database: Database):
    queued = {await _queue(open_database) for _ in range(20)}

    claims = await asyncio.gather(*(claim(open_database, owner=str(n), most=3) for n in range(8)))

    ids = [job.id for jobs in claims for job in jobs]
    assert (len(ids), set(ids)) == (20, queued)


async def test_a_job_of_any_project_is_claimed_and_says_whose_it_is(
    open_database: Database, database: Scratch
):
    database.sql("insert into project (project_id, name) values (2, 'two') on conflict do nothing")
    await _queue(open_database, project_id=2)

    [job] = await claim(open_database, owner="one", most=5)

    assert (job.project_id, job.attempt, job.fence) == (2, 1, 1)


async def test_an_expired_lease_is_claimed_by_another_and_the_first_is_fenced_off(
    open_database: Database, database: Scratch
):
    await _queue(open_database)
    [slow] = await claim(open_database, owner="slow", most=1)
    _expire(database)

    [quick] = await claim(open_database, owner="quick", most=1)

    assert (quick.id, quick.fence, quick.attempt) == (slow.id, slow.fence + 1, 2)
    assert await renew(open_database, slow) is False
    assert await put_back(open_database, slow, error_class="x", delay=NOW) is False
    with pytest.raises(LeaseLost):
        await _finish(open_database, slow)
    await _finish(open_database, quick)


async def test_results_of_a_lost_lease_are_rolled_back(open_database: Database, database: Scratch):
    await _queue(open_database)
    [slow] = await claim(open_database, owner="slow", most=1)
    _expire(database)
    await claim(open_database, owner="quick", most=1)

    with pytest.raises(LeaseLost):
        async with open_database.transaction(1) as connection:
            raw = await driver(connection)
            await raw.execute("update project set name = 'wrong'")
            await finish(raw, slow)

    assert database.sql("select name from project where project_id = 1") == "default"


async def test_a_renewed_lease_is_not_claimed(open_database: Database, database: Scratch):
    await _queue(open_database)
    [job] = await claim(open_database, owner="one", most=1)
    _expire(database)

    assert await renew(open_database, job) is True
    assert await claim(open_database, owner="two", most=1) == []


async def test_a_job_that_waits_for_its_time_is_not_due(open_database: Database):
    await _queue(open_database, delay=timedelta(hours=1))

    assert (await claim(open_database, owner="one", most=1), await due(open_database, most=9)) == (
        [],
        [],
    )


async def test_a_job_handed_back_counts_no_attempt_and_one_put_back_does(open_database: Database):
    await _queue(open_database)
    [first] = await claim(open_database, owner="one", most=1)
    await hand_back(open_database, first)
    [second] = await claim(open_database, owner="one", most=1)
    await put_back(open_database, second, error_class="KeyError", delay=NOW)
    [third] = await claim(open_database, owner="one", most=1)

    assert [each.attempt for each in (first, second, third)] == [1, 1, 2]
    assert [each.fence for each in (first, second, third)] == [1, 2, 3]


async def test_a_job_that_ended_is_never_claimed_again(open_database: Database):
    await _queue(open_database)
    [job] = await claim(open_database, owner="one", most=1)

    assert await end(open_database, job, state="quarantined", error_class="x") is True

    assert await claim(open_database, owner="one", most=1) == []


def test_delays_double_up_to_five_minutes_give_or_take_a_fifth():
    delays = [delay_after(n, luck=random.Random(n)).total_seconds() for n in range(1, 12)]

    assert all(
        0.8 * min(2**n, 300) <= delay <= 1.2 * min(2**n, 300)
        for n, delay in enumerate(delays, start=1)
    )


async def _queue(
    database: Database, *, key: str | None = None, project_id: int = 1, delay: timedelta = NOW
) -> int | None:
    async with database.transaction(project_id) as connection:
        return await enqueue(
            await driver(connection),
            project_id,
            JobKind.RETAIN,
            dedupe_key=key or str(uuid.uuid4()),
            delay=delay,
        )


async def _finish(database: Database, job: Job) -> None:
    async with database.transaction(job.project_id) as connection:
        await finish(await driver(connection), job)


def _expire(database: Scratch) -> None:
    database.sql("update job set lease_until = now() - interval '1 second' where state = 'leased'")
