"""The reconciler: one worker at a time, each 15 s, sees to what nobody else remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from forkpoint_server.db.engine import Database, driver
from forkpoint_server.errors import Overloaded
from forkpoint_server.jobs.enqueue import enqueue
from forkpoint_server.jobs.leases import due
from forkpoint_server.jobs.names import JobKind

RECONCILER_LOCK = 0x66707263
MOST_DUE = 200

PERIODS = {
    JobKind.WATCH_RUNS: timedelta(seconds=15),
    JobKind.RETAIN: timedelta(hours=1),
    JobKind.SWEEP_BLOBS: timedelta(hours=1),
}
"""How often each project has this done."""

Wake = Callable[[int, int], Awaitable[object]]

log = structlog.get_logger()


async def reconcile(database: Database, wake: Wake) -> bool:
    """One round: queue the periodic jobs, wake workers for what is due; False if another does."""
    async with database.crossing() as connection:
        raw = await driver(connection)
        if not await raw.fetchval("select pg_try_advisory_xact_lock($1)", RECONCILER_LOCK):
            return False
        projects = [row[0] for row in await raw.fetch("select project_ids()")]
        for project_id in projects:
            await _queue_periodic(database, project_id)
    for job_id, attempt in await due(database, most=MOST_DUE):
        await wake(job_id, attempt)
    return True


async def keep_reconciling(
    database: Database, wake: Wake, *, every_s: float, stopping: asyncio.Event
) -> None:
    """Rounds until the worker stops."""
    while not stopping.is_set():
        try:
            await reconcile(database, wake)
        except Overloaded as error:
            log.warning("reconciling_failed", error=error.message)
        try:
            await asyncio.wait_for(stopping.wait(), timeout=every_s)
        except TimeoutError:
            continue


async def _queue_periodic(database: Database, project_id: int) -> None:
    """Queue each periodic job once a period: the last one queued stands for it."""
    async with database.transaction(project_id) as connection:
        raw = await driver(connection)
        for kind, period in PERIODS.items():
            recent = await raw.fetchval(
                """
                select exists (
                  select
                  from job
                  where project_id = $1
                    and kind = $2
                    and dedupe_key = 'periodic'
                    and created_at > now() - $3::interval)
                """,
                project_id,
                kind.value,
                period,
            )
            if not recent:
                await enqueue(raw, project_id, kind, dedupe_key="periodic")
        await raw.execute(
            """
            delete from job
            where project_id = $1
              and state = 'done'
              and created_at < now() - interval '2 hours'
            """,
            project_id,
        )
