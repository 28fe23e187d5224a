"""Forks as the tree they are: every run of a family with its generation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import strawberry

from forkpoint_server.graphql.context import Context
from forkpoint_server.graphql.types.connection import Connection, connection_parts
from forkpoint_server.query import forktree
from forkpoint_server.query.runs import RunRow

if TYPE_CHECKING:
    from forkpoint_server.graphql.types.nodes import Run


@strawberry.type(description="One run of a family of forks.")
class ForkTreeNode:
    """`depth` is its generation: 0 for the recording all others go back to."""

    depth: int
    parent_id: strawberry.ID | None = strawberry.field(
        description="The run it was made from; null for the recording, or when that is gone"
    )
    run: Annotated[Run, strawberry.lazy("forkpoint_server.graphql.types.nodes")]


async def tree_connection(
    context: Context,
    run_id: str,
    run: Callable[[RunRow, Context], Run],
    first: int,
    after: str | None,
) -> Connection[ForkTreeNode]:
    """A page of the family of a run."""
    async with context.services.database.reading(context.project_id) as connection:
        page = await forktree.fork_tree(
            connection, context.project_id, run_id, first=first, after=after
        )

    async def count() -> int:
        async with context.services.database.reading(context.project_id) as connection:
            return await forktree.count_fork_tree(connection, context.project_id, run_id)

    def node(row: forktree.TreeRow) -> ForkTreeNode:
        parent = row.run.parent_run_id if row.depth else None
        parent_id = None if parent is None else strawberry.ID(parent)
        return ForkTreeNode(depth=row.depth, parent_id=parent_id, run=run(row.run, context))

    edges, nodes, page_info = connection_parts(page, node)
    return Connection(edges=edges, nodes=nodes, page_info=page_info, count=count)
