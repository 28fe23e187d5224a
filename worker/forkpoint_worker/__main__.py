"""`python -m forkpoint_worker`: run jobs until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
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
from forkpoint.capture.assembly import redactor_of
from forkpoint.errors import ForkpointError
from forkpoint.redact.engine import Redactor
from forkpoint.settings import Settings as RecorderSettings
from forkpoint_server.artifacts.stores import open_blobs
from forkpoint_server.db.engine import Database, driver
from forkpoint_server.errors import Overloaded
from forkpoint_server.jobs.wake import Waker
from forkpoint_server.live.publish import Rest, publisher_for
from forkpoint_server.security.sealing import Opener, private_key
from forkpoint_server.settings import Settings, SettingsError
from forkpoint_server.telemetry import configure_logging

from forkpoint_worker.alarm import listening
from forkpoint_worker.loop import Worker
from forkpoint_worker.reconcile import Wake, keep_reconciling
from forkpoint_worker.settings import WorkerSettings
from forkpoint_worker.work import Services

log = structlog.get_logger()


async def work(settings: WorkerSettings, opener: Opener) -> None:
    """Work until a signal says stop; what runs is finished or handed back."""
    async with _services(settings, opener) as services, AsyncExitStack() as stack:
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
        offering = asyncio.create_task(_keep_offering(services, worker.stopping))
        log.info("worker_started", concurrency=settings.concurrency)
        await worker.run(poll_s=settings.poll_s, drain_s=settings.drain_s)
        await asyncio.gather(reconciling, offering)
        log.info("worker_stopped")


async def offer_key(database: Database, opener: Opener) -> None:
    """Tell the API to whom it may seal; a key that is known already is left alone."""
    async with database.crossing() as connection:
        raw = await driver(connection)
        await raw.execute(
            "insert into sealing_key (key_id, public) values ($1, $2) on conflict do nothing",
            opener.key_id,
            opener.public,
        )


async def _keep_offering(services: Services, stopping: asyncio.Event) -> None:
    """Offer the key until the database has it."""
    while services.opener is not None and not stopping.is_set():
        try:
            await offer_key(services.database, services.opener)
        except Overloaded:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), timeout=1.0)
        else:
            return


def _redactor(service: Settings) -> Redactor | None:
    """The redactor of this data directory; None if there is no key to be had."""
    try:
        return redactor_of(RecorderSettings.from_environment(os.environ, data=service.data))
    except ForkpointError as error:
        log.warning("redaction_key_missing", error=error.message)
        return None


def owner() -> str:
    """Who holds a lease: host and process, for people who read the table."""
    return f"{socket.gethostname()}:{os.getpid()}"


@asynccontextmanager
async def _services(settings: WorkerSettings, opener: Opener) -> AsyncGenerator[Services]:
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
            publisher=partial(publisher_for, client, rest=Rest()),
            clock=time.time_ns,
            opener=opener,
            redactor=_redactor(service),
            providers=settings.providers,
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
        opener = Opener(private_key(os.environ, settings.service.data))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    asyncio.run(work(settings, opener))
    return 0


if __name__ == "__main__":
    sys.exit(main())
