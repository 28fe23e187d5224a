"""Jobs on derived runs: reading what was staged, ordering the steps, finishing when it is quiet."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from forkpoint_server.artifacts.epochs import enter
from forkpoint_server.db.engine import Driver, driver
from forkpoint_server.ingestion.otlp.content import RunContent, read_content
from forkpoint_server.ingestion.otlp.finishing import LATE, Standing, drop_staged, finish, standing
from forkpoint_server.ingestion.otlp.linking import link_calls
from forkpoint_server.ingestion.otlp.placing import find_mirrored, place_steps, total
from forkpoint_server.ingestion.otlp.settling import settle
from forkpoint_server.ingestion.otlp.staged import Stage, load_stages, mark_mapped, open_stages
from forkpoint_server.ingestion.otlp.verdicts import add_verdicts
from forkpoint_server.jobs.enqueue import enqueue
from forkpoint_server.jobs.leases import again
from forkpoint_server.jobs.leases import finish as finish_job
from forkpoint_server.jobs.names import JobKind

from forkpoint_worker.handlers.proving import prove_loop
from forkpoint_worker.work import Work

_MOMENT = timedelta(milliseconds=50)
_NOW = timedelta()


async def derive_run(work: Work) -> None:
    """Bring a run up to what came for it, finish it if it is over, else come back."""
    stages, content = await _read(work)
    services, project_id, run_id = work.services, work.job.project_id, work.run_id
    async with services.database.transaction(project_id) as connection:
        raw = await driver(connection)
        epoch = await enter(raw, project_id)
        at = await standing(raw, run_id)
        if at is None:
            await finish_job(raw, work.job)
            return
        if content is not None:
            await add_verdicts(
                raw,
                run_id,
                content.verdicts,
                project_id=project_id,
                received_ns=at.received_ns,
            )
            await settle(
                raw,
                run_id,
                content,
                project_id=project_id,
                epoch=epoch,
                redactor=services.redactor,
            )
        moved = await place_steps(raw, run_id)
        if content is not None:
            await link_calls(raw, run_id)
        await total(raw, run_id)
        await find_mirrored(raw, run_id)
        if moved or content is not None:
            await raw.execute("update run set revision = revision + 1 where run_id = $1", run_id)
        if await mark_mapped(raw, run_id, stages):
            await again(raw, work.job, delay=_NOW)
        else:
            at = await standing(raw, run_id) or at
            await _end_or_wait(work, raw, at)
    await prove_loop(work)
    await work.live.published(run_id, at.head, at.head)


async def _read(work: Work) -> tuple[Sequence[Stage], RunContent | None]:
    """Open, map, redact and encode what waits; all of it beside the loop."""
    services, run_id = work.services, work.run_id
    opener = services.opener
    if opener is None:
        return (), None
    async with services.database.reading(work.job.project_id) as connection:
        stages = await load_stages(await driver(connection), run_id)
    if not stages:
        return (), None

    def read() -> RunContent:
        opened = open_stages(stages, opener, run_id=run_id)
        return read_content(opened, services.redactor, run_id=run_id)

    return stages, await asyncio.to_thread(read)


async def _end_or_wait(work: Work, raw: Driver, at: Standing) -> None:
    """Finish a quiet run, and clear up after it when nothing can come late any more.

    The job is the timer of the run: it comes back when the run may be quiet, and after its end.
    """
    wait = at.wait(now_ns=work.services.clock())
    if wait is not None:
        await again(raw, work.job, delay=wait + _MOMENT)
        return
    project_id, run_id = work.job.project_id, work.run_id
    if at.finished:
        await drop_staged(raw, run_id)
        await finish_job(raw, work.job)
    else:
        await finish(raw, run_id, at, project_id=project_id)
        await enqueue(
            raw, project_id, JobKind.PACK_RUN, dedupe_key=run_id, run_id=run_id, priority=-1
        )
        await again(raw, work.job, delay=LATE)
