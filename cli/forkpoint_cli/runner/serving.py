"""A runner at work: listens for jobs, executes several at once, stops those that are over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import cast

from forkpoint_cli.errors import CliError, Refused
from forkpoint_cli.runner.baselines import Baselines
from forkpoint_cli.runner.facts import Facts
from forkpoint_cli.runner.jobs import Done, Execution, Job, read_job
from forkpoint_cli.runner.spares import Spares
from forkpoint_cli.session import Session

RETRY_S = (0.5, 1, 2, 5, 10)
"""How long to wait before connecting again, longer each time."""
_JOBS = """
subscription ($runner: RunnerInput!) {
  runnerJobs(runner: $runner) {
    stop
    job { session fencing runId newRunId entrypoint arguments spec leaseS deadlineNs }
  }
}
"""
Told = Callable[[Job, Done | None], None]
"""Hears of each job when it begins (None) and when it is done."""


class Runner:
    """Owns the executions. `serve` ends when it is cancelled, or after `most` jobs."""

    def __init__(
        self, session: Session, facts: Facts, told: Told, *, most: int | None, spares: int = 1
    ) -> None:
        """`most` jobs at all; `spares` processes wait with the code imported."""
        self._session = session
        self._facts = facts
        self._told = told
        self._left = most
        self._baselines = Baselines()
        self._pool = ThreadPoolExecutor(facts.slots, thread_name_prefix="replay")
        self._spares = Spares(session, facts.environment, most=spares)
        self._running: dict[str, Execution] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._finished = asyncio.Event()

    async def serve(self) -> None:
        """Listen until told enough; executions that go on at the end are ended."""
        self._prepare(next(iter(self._facts.entries)))
        warming = asyncio.get_running_loop().run_in_executor(self._pool, self._warm)
        warming.add_done_callback(lambda done: done.exception())
        listening = asyncio.create_task(self._listen())
        finished = asyncio.create_task(self._finished.wait())
        try:
            done, _ = await asyncio.wait([listening, finished], return_when=asyncio.FIRST_COMPLETED)
            if listening in done:
                listening.result()
        finally:
            for task in (listening, finished):
                task.cancel()
            await self._end()

    async def _listen(self) -> None:
        tries = 0
        while True:
            try:
                async for answer in self._session.service.subscribe(
                    _JOBS, runner=self._facts.announced()
                ):
                    tries = 0
                    self._take(cast("Mapping[str, object]", answer["runnerJobs"]))
            except Refused:
                raise  # the token, or what we say of ourselves: waiting does not mend it
            except CliError:
                pass
            await asyncio.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
            tries += 1

    def _take(self, message: Mapping[str, object]) -> None:
        if message["stop"] is not None:
            execution = self._running.get(str(message["stop"]))
            if execution is not None:
                execution.leash.pull("the session was cancelled or is over")
            return
        if self._left == 0:
            return  # its lease runs out and another runner gets it
        if self._left is not None:
            self._left -= 1
        job = read_job(cast("Mapping[str, object]", message["job"]))
        execution = Execution(
            session=self._session,
            facts=self._facts,
            job=job,
            baselines=self._baselines,
            spares=self._spares,
        )
        self._running[job.lease.session] = execution
        task = asyncio.create_task(self._execute(execution))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _execute(self, execution: Execution) -> None:
        job = execution.job
        self._told(job, None)
        try:
            done = await asyncio.get_running_loop().run_in_executor(self._pool, execution.run)
        finally:
            if self._running.get(job.lease.session) is execution:
                del self._running[job.lease.session]
        self._told(job, done)
        self._prepare(job.entrypoint)
        if self._left == 0 and not self._running:
            self._finished.set()

    def _prepare(self, entrypoint: str) -> None:
        """Have a process that waits for the next replay of an entry point."""
        entry = self._facts.entries.get(entrypoint)
        if entry is not None and self._left != 0:
            loop = asyncio.get_running_loop()
            preparing = loop.run_in_executor(None, self._spares.prepare, entry)
            preparing.add_done_callback(lambda done: done.exception())

    def _warm(self) -> None:
        """Ask what costs nothing: the first question of a process loads the libraries for it."""
        with suppress(CliError):
            self._session.service.ask("{ __typename }")

    async def _end(self) -> None:
        for execution in self._running.values():
            execution.leash.pull("the runner was stopped")
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._spares.close)
        self._pool.shutdown(wait=False)
