"""Claiming jobs: a lease says who works on one, a fence refuses whoever comes too late.

Only the database's clock counts. A job that kills its worker is counted at its claim, so it is
stopped too (fault guide, section 3).
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import orjson

from forkpoint_server.db.engine import Database, Driver, driver
from forkpoint_server.errors import Conflict
from forkpoint_server.jobs.names import JobKind

LEASE = timedelta(seconds=30)
RENEW_S = 10.0
"""Seconds between two renewals of a lease."""
ATTEMPTS = 5
"""Claims of one job before it is put into quarantine."""
LONGEST_DELAY_S = 300


class LeaseLost(Conflict):
    """Another worker holds this job now; what this one wrote is rolled back."""

    code = "lease_lost"

    def __init__(self, job_id: int, fence: int) -> None:
        super().__init__(f"job {job_id} is no longer held under fence {fence}; stop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job that this worker holds under `fence`."""

    id: int
    project_id: int
    run_id: str | None
    kind: JobKind
    args: dict[str, object]
    attempt: int
    fence: int


async def claim(
    database: Database, *, owner: str, most: int, kinds: Collection[JobKind] = tuple(JobKind)
) -> list[Job]:
    """Take up to `most` jobs that are due or whose lease is over, of any project.

    Index: `job_due`, `job_leased`. Rows that others are claiming are skipped.
    """
    async with database.crossing() as connection:
        raw = await driver(connection)
        rows = await raw.fetch(
            """
            select id, project_id, run_id::text, kind, args::text, attempt, fence
            from claim_jobs($1, $2, $3, $4)
            """,
            owner,
            LEASE,
            most,
            [kind.value for kind in kinds],
        )
    return [_job(row) for row in rows]


async def renew(database: Database, job: Job) -> bool:
    """Hold the job for another 30 s; False if it is held by another worker now."""
    async with database.transaction(job.project_id) as connection:
        raw = await driver(connection)
        tag = await raw.execute(
            """
            update job
            set lease_until = clock_timestamp() + $3
            where id = $1 and fence = $2 and state = 'leased'
            """,
            job.id,
            job.fence,
            LEASE,
        )
    return tag == "UPDATE 1"


async def finish(raw: Driver, job: Job) -> None:
    """Mark the job done in the transaction of its results; raises `LeaseLost` to undo them."""
    tag = await raw.execute(
        """
        update job
        set state = 'done', lease_until = null
        where id = $1 and fence = $2 and state = 'leased'
        """,
        job.id,
        job.fence,
    )
    if tag != "UPDATE 1":
        raise LeaseLost(job.id, job.fence)


async def again(raw: Driver, job: Job, *, delay: timedelta) -> None:
    """Queue the job once more as part of its result: it did well and is not over.

    Raises `LeaseLost` to undo the result.
    """
    tag = await raw.execute(
        """
        update job
        set state = 'queued', attempt = 0, owner = null, lease_until = null, run_at = now() + $3
        where id = $1 and fence = $2 and state = 'leased'
        """,
        job.id,
        job.fence,
        delay,
    )
    if tag != "UPDATE 1":
        raise LeaseLost(job.id, job.fence)


async def put_back(database: Database, job: Job, *, error_class: str, delay: timedelta) -> bool:
    """Queue a job again that did not work out; False if it is not ours any more."""
    return await _move(
        database, job, state="queued", error_class=error_class, delay=delay, attempt=job.attempt
    )


async def hand_back(database: Database, job: Job) -> bool:
    """Queue a job again that was not finished because this worker stops; it counts for nothing."""
    return await _move(
        database,
        job,
        state="queued",
        error_class=None,
        delay=timedelta(),
        attempt=job.attempt - 1,
    )


async def end(database: Database, job: Job, *, state: str, error_class: str) -> bool:
    """Stop a job for good: `failed` if it can never work, `quarantined` after too many claims."""
    return await _move(
        database,
        job,
        state=state,
        error_class=error_class,
        delay=timedelta(),
        attempt=job.attempt,
    )


async def due(database: Database, *, most: int) -> Sequence[tuple[int, int]]:
    """Id and attempt of jobs that somebody should be working on."""
    async with database.crossing() as connection:
        rows = await (await driver(connection)).fetch("select id, attempt from due_jobs($1)", most)
    return [(row["id"], row["attempt"]) for row in rows]


def delay_after(attempt: int, *, luck: random.Random) -> timedelta:
    """2^attempt seconds, at most 300, give or take a fifth."""
    return timedelta(seconds=min(2**attempt, LONGEST_DELAY_S) * luck.uniform(0.8, 1.2))


async def _move(
    database: Database,
    job: Job,
    *,
    state: str,
    error_class: str | None,
    delay: timedelta,
    attempt: int,
) -> bool:
    async with database.transaction(job.project_id) as connection:
        raw = await driver(connection)
        tag = await raw.execute(
            """
            update job
            set state = $3, error_class = coalesce($4, error_class),
              run_at = clock_timestamp() + $5, attempt = $6, lease_until = null, owner = null
            where id = $1 and fence = $2 and state = 'leased'
            """,
            job.id,
            job.fence,
            state,
            error_class,
            delay,
            attempt,
        )
    return tag == "UPDATE 1"


def _job(row: Any) -> Job:
    return Job(
        id=row["id"],
        project_id=row["project_id"],
        run_id=row["run_id"],
        kind=JobKind(row["kind"]),
        args=cast("dict[str, object]", orjson.loads(row["args"])),
        attempt=row["attempt"],
        fence=row["fence"],
    )
