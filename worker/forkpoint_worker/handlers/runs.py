"""Jobs on single runs: finishing, giving up gaps, noticing writers that vanished."""

from __future__ import annotations

from forkpoint_server.ingestion.closing import close_steps, interrupt_runs
from forkpoint_server.ingestion.gaps import close_gaps
from forkpoint_server.jobs.enqueue import enqueue
from forkpoint_server.jobs.names import JobKind

from forkpoint_worker.work import Work

IDLE_NS = 60 * 10**9
"""How long a run without an open step may be silent; a repeated `startRun` is a sign of life."""
BUSY_NS = 10 * 60 * 10**9
"""The same for a run with an open step: a model may think for minutes."""


async def finish_run(work: Work) -> None:
    """Close what a finished run left open, and have its blocks packed."""
    async with work.finishing() as raw:
        head = await close_steps(raw, work.run_id)
        await enqueue(
            raw,
            work.job.project_id,
            JobKind.PACK_RUN,
            dedupe_key=work.run_id,
            run_id=work.run_id,
            priority=-1,
        )
    if head is not None:
        await work.live.published(work.run_id, head, head)


async def give_up_gaps(work: Work) -> None:
    """Put gap events where events did not come."""
    await close_gaps(
        work.services.database,
        work.job.project_id,
        work.run_id,
        live=work.live,
        clock=work.services.clock,
    )
    async with work.finishing():
        pass


async def watch_runs(work: Work) -> None:
    """Mark silent runs as interrupted; they go on when their writer comes back."""
    async with work.finishing() as raw:
        now_ns = work.services.clock()
        changed = await interrupt_runs(
            raw,
            work.job.project_id,
            idle_since_ns=now_ns - IDLE_NS,
            busy_since_ns=now_ns - BUSY_NS,
        )
    for run_id, head in changed:
        await work.live.published(run_id, head, head)
