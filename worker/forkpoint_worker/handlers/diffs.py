"""Jobs that compare runs too long to compare while a reader waits."""

from __future__ import annotations

from uuid import UUID

from forkpoint.diff.report import MOST_STEPS, Comparison
from forkpoint_server.db.engine import driver
from forkpoint_server.diff.comparisons import Comparisons
from forkpoint_server.diff.stored import report_phase, store
from forkpoint_server.errors import BadRequest, GiveUp, NotFound

from forkpoint_worker.work import Work


async def diff_runs(work: Work) -> None:
    """Compare two runs and keep the result for `diff(a, b)`; first what needs no payload."""
    services, project_id = work.services, work.job.project_id
    a, b = (UUID(str(work.job.args[name])) for name in ("a", "b"))

    async def phase(name: str) -> None:
        async with services.database.transaction(project_id) as connection:
            await report_phase(await driver(connection), work.job.id, work.job.fence, name)

    async def draft(comparison: Comparison) -> None:
        async with services.database.transaction(project_id) as connection:
            await store(await driver(connection), project_id, comparison)

    comparisons = Comparisons(services.database, services.blobs, most_steps=MOST_STEPS)
    try:
        comparison = await comparisons.compare(project_id, a, b, progress=phase, draft=draft)
    except (BadRequest, NotFound) as error:
        raise GiveUp(error.code) from None
    await phase("storing")
    async with work.finishing() as raw:
        await store(raw, project_id, comparison)
