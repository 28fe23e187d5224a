"""The steps directly below others, in step order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.db.whole import rows_of, whole_of, wholes_of
from forkpoint_server.query.steps import COLUMNS, StepRow


async def children_of(
    connection: AsyncConnection,
    project_id: int,
    parents: Sequence[tuple[str, str]],
    *,
    first: int,
    after: int = -1,
) -> dict[tuple[str, str], list[StepRow]]:
    """The next `first + 1` children of each (run id, step id); one pass over the runs."""
    runs = list(dict.fromkeys(run_id for run_id, _ in parents))
    wholes = await wholes_of(connection, project_id, runs)
    below = rows_of(
        "step", wholes, where="parent_id = any (cast(:steps as uuid[])) and seq > :after"
    )
    rows = await connection.execute(
        text(f"""
            select {COLUMNS}
            from (
                select *, row_number() over (partition by run_id, parent_id order by seq) as place
                from {below} as step
                where project_id = :project_id
                    and run_id = any(cast(:runs as uuid[]))
                    and parent_id = any(cast(:steps as uuid[]))
                    and seq > :after
            ) as s
            where s.place <= :rows
            order by s.run_id, s.seq
        """),
        {
            "project_id": project_id,
            "runs": runs,
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
    steps = rows_of("step", [await whole_of(connection, project_id, run_id)])
    rows = await connection.execute(
        text(f"""
            select count(*)
            from {steps} s
            where s.run_id = cast(:run_id as uuid) and s.project_id = :project_id
                and s.parent_id = cast(:step_id as uuid)
        """),
        {"run_id": run_id, "step_id": step_id, "project_id": project_id},
    )
    return cast("int", rows.scalar_one())
