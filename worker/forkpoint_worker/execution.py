"""One attempt at one job: the handler under a lease that is renewed, and what follows it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Mapping
from datetime import timedelta

import structlog
from forkpoint_server.db.engine import Database
from forkpoint_server.errors import GiveUp, Overloaded, RetryLater, ServerError
from forkpoint_server.jobs.leases import (
    ATTEMPTS,
    RENEW_S,
    Job,
    LeaseLost,
    delay_after,
    end,
    hand_back,
    put_back,
    renew,
)
from forkpoint_server.jobs.names import JobKind

from forkpoint_worker.registry import ABANDONED, Handler
from forkpoint_worker.work import Services, Work

log = structlog.get_logger()


async def execute(
    job: Job, services: Services, handlers: Mapping[JobKind, Handler], *, luck: random.Random
) -> None:
    """Run the handler of a job to its end, its failure or its cancellation. Raises nothing else."""
    told = log.bind(job=job.id, kind=job.kind.value, run=job.run_id, attempt=job.attempt)
    if job.attempt > ATTEMPTS:
        await end(services.database, job, state="quarantined", error_class="too_many_attempts")
        if job.kind in ABANDONED:
            await ABANDONED[job.kind](Work(job=job, services=services))
        told.warning("job_quarantined")
        return
    try:
        await _under_lease(job, services, handlers[job.kind])
        told.info("job_done")
    except LeaseLost:
        told.warning("job_lease_lost")
    except GiveUp as error:
        await end(services.database, job, state="failed", error_class=error.code)
        told.warning("job_failed", error=error.code)
    except asyncio.CancelledError:
        await asyncio.shield(_hand_back(services.database, job))
        raise
    except Exception as error:  # the edge of a job: whatever it was, the job is tried again
        await _retry(services.database, job, error, luck=luck)
        told.warning(
            "job_put_back", error=_name(error), exc_info=not isinstance(error, ServerError)
        )


async def _under_lease(job: Job, services: Services, handler: Handler) -> None:
    """Run the handler; it is cancelled if the lease goes to another worker."""
    handling = asyncio.ensure_future(handler(Work(job=job, services=services)))
    renewing = asyncio.create_task(_keep(services.database, job))
    try:
        await asyncio.wait({handling, renewing}, return_when=asyncio.FIRST_COMPLETED)
        if not handling.done():
            raise LeaseLost(job.id, job.fence)
        await handling
    finally:
        for task in (handling, renewing):
            task.cancel()
        await asyncio.gather(handling, renewing, return_exceptions=True)


async def _keep(database: Database, job: Job) -> None:
    """Renew the lease as long as it is ours; a database that is away for a moment is no loss."""
    held = True
    while held:
        await asyncio.sleep(RENEW_S)
        with contextlib.suppress(Overloaded):
            held = await renew(database, job)


async def _retry(database: Database, job: Job, error: Exception, *, luck: random.Random) -> None:
    delay = delay_after(job.attempt, luck=luck)
    if isinstance(error, RetryLater) and error.retry_after_s is not None:
        delay = timedelta(seconds=error.retry_after_s)
    with contextlib.suppress(Overloaded):  # then the lease runs out, which is as good
        await put_back(database, job, error_class=_name(error), delay=delay)


async def _hand_back(database: Database, job: Job) -> None:
    with contextlib.suppress(Overloaded):
        await hand_back(database, job)


def _name(error: Exception) -> str:
    return error.code if isinstance(error, ServerError) else type(error).__name__
