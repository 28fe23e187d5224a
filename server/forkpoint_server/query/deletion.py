"""Which runs a deletion means, and what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.query.runfilter import RunFilter, conditions


@dataclass(frozen=True, slots=True)
class DoomedRun:
    """A run that would go."""

    run_id: str
    steps: int
    stored_bytes: int


async def doomed_runs(
    connection: AsyncConnection,
    project_id: int,
    *,
    run_ids: Sequence[str] | None,
    filter: RunFilter | None,
    most: int,
) -> list[DoomedRun]:
    """Runs that are over, oldest first. Neither ids nor a filter: none. Index: run_by_start."""
    if run_ids is None and filter is None:
        return []
    where, values = conditions(filter)
    if run_ids is not None:
        where.append("r.run_id = any(cast(:doomed as uuid[]))")
        values["doomed"] = list(run_ids)
    rows = await connection.execute(
        text(f"""
            select r.run_id::text, r.step_count, r.stored_bytes
            from run r
            where r.project_id = :project_id and r.status <> 'running'
                and {" and ".join(where)}
            order by r.started_ns, r.run_id
            limit :most
        """),
        {**values, "project_id": project_id, "most": most},
    )
    return [DoomedRun(*row) for row in rows]
