"""`python -m forkpoint_worker`: run jobs until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import redis.asyncio
import structlog
from forkpoint_server.artifacts.stores import open_blobs
from forkpoint_server.db.engine import Database
from forkpoint_server.jobs.wake import Waker
from forkpoint_server.live.publish import publisher_for
from forkpoint_server.settings import SettingsError
from forkpoint_server.telemetry import configure_logging

from forkpoint_worker.alarm import listening
from forkpoint_worker.loop import Worker
from forkpoint_worker.reconcile import Wake, keep_reconciling
from forkpoint_worker.settings import WorkerSettings
from forkpoint_worker.work import Services

log = structlog.get_logger()


async def work(settings: WorkerSettings) -> None:
    """Work until a signal says stop; what runs is finished or handed back."""
    async with _services(settings) as services, AsyncExitStack() as stack:
        worker = Worker(services, owner=owner(), concurrency=settings.concurrency)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stopping.set)
        wake = await _alarm(settings, worker, stack)
        reconciling = asyncio.create_task(
            keep_reconciling(
                services.database, wake, every_s=settings.reconcile_s, stopping=worker.stopping
            )
        )
        log.info("worker_started", concurrency=settings.concurrency)
        await worker.run(poll_s=settings.poll_s, drain_s=settings.drain_s)
        await reconciling
        log.info("worker_stopped")


def owner() -> str:
    """Who holds a lease: host and process, for people who read the table."""
    return f"{socket.gethostname()}:{os.getpid()}"


@asynccontextmanager
async def _services(settings: WorkerSettings) -> AsyncGenerator[Services]:
    service = settings.service
    database = Database(
        service.database_url,
        pool_size=settings.concurrency + 2,
        overflow=2,
        statement_timeout_ms=settings.statement_timeout_ms,
    )
    blobs = await open_blobs(service)
    client = (
        redis.asyncio.Redis.from_url(service.redis_url)  # pyright: ignore[reportUnknownMemberType]
        if service.redis_url
        else None
    )
    try:
        yield Services(
            database=database,
            blobs=blobs,
            publisher=partial(publisher_for, client),
            clock=time.time_ns,
        )
    finally:
        if client is not None:
            await client.aclose()
        await blobs.close()
        await database.close()


async def _alarm(settings: WorkerSettings, worker: Worker, stack: AsyncExitStack) -> Wake:
    """How to wake workers: through SAQ, or, without Redis, only this one."""
    if settings.service.redis_url is None:

        async def wake_this_one(_job_id: int, _attempt: int) -> None:
            worker.woken.set()

        return wake_this_one
    waker = Waker(settings.service.redis_url)
    stack.push_async_callback(waker.close)
    await stack.enter_async_context(listening(waker, worker.woken))
    return waker.wake


def main() -> int:
    """Exit 0 after a graceful stop, 2 for a wrong setting."""
    configure_logging()
    try:
        settings = WorkerSettings.from_environment(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    asyncio.run(work(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
