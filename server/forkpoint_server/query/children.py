"""The steps directly below others, in step order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.query.steps import COLUMNS, StepRow


async def children_of(
    connection: AsyncConnection,
    project_id: int,
    parents: Sequence[tuple[str, str]],
    *,
    first: int,
    after: int = -1,
) -> dict[tuple[str, str], list[StepRow]]:
    """The next `first + 1` children of each (run id, step id). Index: (run_id, parent_id)."""
    rows = await connection.execute(
        text(f"""
            select {COLUMNS}
            from unnest(cast(:runs as uuid[]), cast(:steps as uuid[])) as parent (run_id, step_id)
            cross join lateral (
                select *
                from step child
                where child.run_id = parent.run_id and child.project_id = :project_id
                    and child.parent_id = parent.step_id and child.seq > :after
                order by child.seq
                limit :rows
            ) s
        """),
        {
            "project_id": project_id,
            "runs": [run_id for run_id, _ in parents],
            "steps": [step_id for _, step_id in parents],
            "after": after,
            "rows": first + 1,
        },
    )
    children: dict[tuple[str, str], list[StepRow]] = {parent: [] for parent in parents}
    for row in rows:
        step = StepRow(*row)
        children[step.run_id, step.parent_id or ""].append(step)
    return children


async def count_children(
    connection: AsyncConnection, project_id: int, run_id: str, step_id: str
) -> int:
    """How many steps stand directly below one."""
    rows = await connection.execute(
        text("""
            select count(*)
            from step s
            where s.run_id = cast(:run_id as uuid) and s.project_id = :project_id
                and s.parent_id = cast(:step_id as uuid)
        """),
        {"run_id": run_id, "step_id": step_id, "project_id": project_id},
    )
    return cast("int", rows.scalar_one())
