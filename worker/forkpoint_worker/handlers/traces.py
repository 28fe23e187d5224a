"""Jobs on derived runs: reading what was staged, ordering the steps, finishing when it is quiet."""

from __future__ import annotations

from datetime import timedelta

from forkpoint_server.db.engine import driver
from forkpoint_server.ingestion.otlp.finishing import finish, standing
from forkpoint_server.ingestion.otlp.placing import place_steps, total
from forkpoint_server.jobs.enqueue import enqueue
from forkpoint_server.jobs.leases import again
from forkpoint_server.jobs.leases import finish as finish_job
from forkpoint_server.jobs.names import JobKind

from forkpoint_worker.work import Work

_MOMENT = timedelta(milliseconds=50)


async def derive_run(work: Work) -> None:
    """Bring a run up to what came for it, finish it if it is over, else come back."""
    services, project_id, run_id = work.services, work.job.project_id, work.run_id
    now_ns = services.clock()
    async with services.database.transaction(project_id) as connection:
        raw = await driver(connection)
        at = await standing(raw, run_id)
        if at is None:
            await finish_job(raw, work.job)
            return
        if await place_steps(raw, run_id):
            at = await standing(raw, run_id) or at
        await total(raw, run_id)
        wait = at.wait(now_ns=now_ns)
        if wait is None:
            if not at.finished:
                await finish(raw, run_id, at, project_id=project_id)
                await enqueue(
                    raw,
                    project_id,
                    JobKind.PACK_RUN,
                    dedupe_key=run_id,
                    run_id=run_id,
                    priority=-1,
                )
            await finish_job(raw, work.job)
        else:
            await again(raw, work.job, delay=wait + _MOMENT)
    await work.live.published(run_id, at.head, at.head)
