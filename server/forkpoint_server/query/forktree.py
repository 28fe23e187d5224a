"""The family of a run: the recording it goes back to, and all replays and forks of that."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.query.pages import Page, check_first, make_page, read_cursor
from forkpoint_server.query.runs import COLUMNS, RunRow

DEEPEST = 100
"""Generations that are followed, up and down."""

# A run says itself what it was made from, so a family may be told in a circle.
_TREE = """
    with recursive up (run_id, parent_run_id, depth) as (
        select run_id, parent_run_id, 0
        from run
        where run_id = cast(:run_id as uuid) and project_id = :project_id
        union all
        select run.run_id, run.parent_run_id, up.depth + 1
        from up
        join run on run.run_id = up.parent_run_id and run.project_id = :project_id
        where up.depth < :deepest
    ) cycle run_id set looped using way,
    tree (run_id, depth) as (
        (select run_id, 0 from up where not looped order by depth desc limit 1)
        union all
        select child.run_id, tree.depth + 1
        from tree
        join run child on child.parent_run_id = tree.run_id and child.project_id = :project_id
        where tree.depth < :deepest
    ) cycle run_id set looped using way
"""


@dataclass(frozen=True, slots=True)
class TreeRow:
    """One run of a family; `depth` 0 is the recording all others go back to."""

    depth: int
    run: RunRow


async def fork_tree(
    connection: AsyncConnection, project_id: int, run_id: str, *, first: int, after: str | None
) -> Page[TreeRow]:
    """A page of a family, by generation and time. Indexes: primary key, `run_by_parent`."""
    check_first(first)
    depth, started, last = -1, 0, "00000000-0000-0000-0000-000000000000"
    if after is not None:
        depth, started, last = read_cursor(after, int, int, str)
    rows = await connection.execute(
        text(f"""
            {_TREE}
            select tree.depth, {COLUMNS}
            from tree
            join run r on r.run_id = tree.run_id and r.project_id = :project_id
            where not tree.looped
                and (tree.depth, r.started_ns, r.run_id)
                    > (:depth, :started, cast(:last as uuid))
            order by tree.depth, r.started_ns, r.run_id
            limit :rows
        """),
        {
            **_values(project_id, run_id),
            "depth": depth,
            "started": started,
            "last": last,
            "rows": first + 1,
        },
    )
    found = [TreeRow(row[0], RunRow(*row[1:])) for row in rows]
    return make_page(
        found,
        first=first,
        after=after,
        key=lambda row: [row.depth, row.run.started_ns, row.run.run_id],
    )


async def count_fork_tree(connection: AsyncConnection, project_id: int, run_id: str) -> int:
    """How many runs a family has."""
    rows = await connection.execute(
        text(f"{_TREE} select count(*) from tree where not looped"), _values(project_id, run_id)
    )
    return int(rows.scalar_one())


def _values(project_id: int, run_id: str) -> dict[str, object]:
    return {"project_id": project_id, "run_id": run_id, "deepest": DEEPEST}
