"""The loop of a worker: claim what is due, wait for a wake-up or 5 s, stop gracefully."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping

import structlog
from forkpoint_server.errors import Overloaded
from forkpoint_server.jobs.leases import claim
from forkpoint_server.jobs.names import JobKind

from forkpoint_worker.execution import execute
from forkpoint_worker.registry import HANDLERS, Handler
from forkpoint_worker.work import Services

log = structlog.get_logger()


class Worker:
    """Runs up to `concurrency` jobs at a time until told to stop."""

    def __init__(
        self,
        services: Services,
        *,
        owner: str,
        concurrency: int = 4,
        handlers: Mapping[JobKind, Handler] = HANDLERS,
        luck: random.Random | None = None,
    ) -> None:
        self.woken = asyncio.Event()
        """Set it to have the table looked at now."""
        self.stopping = asyncio.Event()
        """Set it to have no more jobs claimed."""
        self._services = services
        self._owner = owner
        self._concurrency = concurrency
        self._handlers = handlers
        self._luck = luck or random.Random()
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, *, poll_s: float, drain_s: float) -> None:
        """Work until `stopping` is set, then finish what runs or hand it back after `drain_s`."""
        while not self.stopping.is_set():
            if not await self._claim():
                await self._wait(poll_s)
        await self._drain(drain_s)

    async def work_off(self) -> None:
        """Run jobs until none is due."""
        while await self._claim() or self._running:
            await asyncio.wait(self._running)

    async def _claim(self) -> bool:
        """Start as many jobs as there is room for; whether there may be more."""
        self.woken.clear()
        room = self._concurrency - len(self._running)
        if room <= 0:
            return False
        try:
            jobs = await claim(
                self._services.database, owner=self._owner, most=room, kinds=self._handlers.keys()
            )
        except Overloaded as error:
            log.warning("claim_failed", error=error.message)
            return False
        for job in jobs:
            task = asyncio.create_task(
                execute(job, self._services, self._handlers, luck=self._luck)
            )
            self._running.add(task)
            task.add_done_callback(self._done)
        return len(jobs) > 0

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self.woken.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("job_crashed", error=type(error).__name__, exc_info=error)

    async def _wait(self, seconds: float) -> None:
        """Wait for a wake-up, the stop, or the next poll."""
        waits = [asyncio.create_task(event.wait()) for event in (self.woken, self.stopping)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _drain(self, seconds: float) -> None:
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
