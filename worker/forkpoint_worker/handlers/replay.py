"""Jobs of replay sessions: executing one without agent code, noticing that a runner is gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

from forkpoint.errors import ForkpointError
from forkpoint.events.kinds import RunStatus
from forkpoint_server.db.engine import driver
from forkpoint_server.errors import Overloaded
from forkpoint_server.jobs.leases import ATTEMPTS
from forkpoint_server.live.topics import runners_topic, session_topic
from forkpoint_server.replay.leases import look_after, take
from forkpoint_server.replay.outcomes import failure
from forkpoint_server.replay.progress import End, LeaseLost, end
from forkpoint_server.replay.rows import SessionRow, session_by_id
from forkpoint_server.replay.words import Executor, SessionState

from forkpoint_worker.replays.attempt import Attempt
from forkpoint_worker.replays.forks import graph, single
from forkpoint_worker.replays.loop import loop
from forkpoint_worker.replays.reading import Recorded, read_recorded
from forkpoint_worker.replays.verify import verify
from forkpoint_worker.replays.writing import NewRun
from forkpoint_worker.work import Work

LOOK_S = 0.3
"""Seconds between two looks whether the session was cancelled."""
Execute = Callable[[Attempt, Recorded], Awaitable[End]]

EXECUTORS: Mapping[Executor, Execute] = {
    Executor.VERIFY: verify,
    Executor.GRAPH: graph,
    Executor.LOOP: loop,
    Executor.SINGLE: single,
}


async def replay(work: Work) -> None:
    """Execute a session to its end; a second attempt goes on with the same run."""
    attempt = await _taken(work)
    if attempt is None:
        async with work.finishing():
            return
    executing = asyncio.ensure_future(_execute(attempt))
    looking = asyncio.create_task(_until_over(attempt))
    try:
        await asyncio.wait({executing, looking}, return_when=asyncio.FIRST_COMPLETED)
        if not executing.done():
            await _cancelled(attempt, executing)
            return
        await executing
    except LeaseLost:
        await _cancelled(attempt, executing)
    finally:
        for task in (executing, looking):
            task.cancel()
        await asyncio.gather(executing, looking, return_exceptions=True)


async def watch_replay(work: Work) -> None:
    """See whether the runner of a session is still there."""
    args, services = work.job.args, work.services
    session_id = str(args["session"])
    async with work.finishing() as raw:
        lost = await look_after(
            raw,
            work.job.project_id,
            session_id,
            int(str(args["fence"])),
            round=int(str(args["round"])),
            now_ns=services.clock(),
        )
    if lost is not None:
        await _new_run(work, lost).abandon(RunStatus.INTERRUPTED, reason="runner_lost")
        topics = session_topic(session_id), runners_topic(work.job.project_id)
        await work.live.rang(*topics)


async def abandon(work: Work) -> None:
    """End a session whose job was given up: each worker that took it died."""
    attempt = await _taken(work)
    if attempt is None:
        return
    ended = failure("internal", "every worker that executed this session died at it")
    async with work.services.database.transaction(work.job.project_id) as connection:
        await end(await driver(connection), attempt.held, ended, now_ns=work.services.clock())
    await attempt.run.abandon(RunStatus.ERROR, reason="internal")
    await work.live.rang(session_topic(attempt.session.session_id))


async def _taken(work: Work) -> Attempt | None:
    """The session, preparing under the fence of this job; None if it is over."""
    async with work.services.database.transaction(work.job.project_id) as connection:
        raw = await driver(connection)
        session = await session_by_id(raw, work.job.project_id, str(work.job.args["session"]))
        if session is None or not session.is_open:
            return None
        held = await take(raw, session, work.job.fence, now_ns=work.services.clock())
    await work.live.rang(session_topic(session.session_id))
    return Attempt(work=work, session=session, held=held, run=_new_run(work, session))


async def _execute(attempt: Attempt) -> None:
    """Execute and end; what the recording or the request cannot stand ends the session."""
    work, session = attempt.work, attempt.session
    try:
        recorded = await read_recorded(work.services.database, work.job.project_id, session.run_id)
        ended = await EXECUTORS[session.executor](attempt, recorded)
    except ForkpointError as error:
        key = error.details.get("key")
        ended = failure(error.code, error.message, key=str(key) if key else None)
        await attempt.run.abandon(RunStatus.ERROR, reason=error.code)
    except (Overloaded, LeaseLost):
        raise
    except Exception:
        if work.job.attempt < ATTEMPTS:
            raise
        ended = failure("internal", "the worker failed at this session again and again")
        await attempt.run.abandon(RunStatus.ERROR, reason="internal")
    await attempt.over(ended)


async def _until_over(attempt: Attempt) -> None:
    """Return once the session is held no longer."""
    services, job = attempt.work.services, attempt.work.job
    while True:
        await asyncio.sleep(LOOK_S)
        with contextlib.suppress(Overloaded):
            async with services.database.reading(job.project_id) as connection:
                raw = await driver(connection)
                row = await session_by_id(raw, job.project_id, attempt.session.session_id)
            if row is None or not row.is_open or row.fence != attempt.held.fence:
                return


async def _cancelled(attempt: Attempt, executing: asyncio.Future[None]) -> None:
    """Close the run of a session that somebody ended; one that another holds is left to it."""
    executing.cancel()
    await asyncio.gather(executing, return_exceptions=True)
    services, job = attempt.work.services, attempt.work.job
    async with services.database.reading(job.project_id) as connection:
        raw = await driver(connection)
        row = await session_by_id(raw, job.project_id, attempt.session.session_id)
    if row is not None and row.state is SessionState.CANCELLED:
        await attempt.run.abandon(RunStatus.CANCELLED, reason="cancelled")
    async with attempt.work.finishing():
        pass


def _new_run(work: Work, session: SessionRow) -> NewRun:
    services = work.services
    return NewRun(
        services.database,
        work.job.project_id,
        session.new_run_id,
        live=work.live,
        clock=services.clock,
    )
