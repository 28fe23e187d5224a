"""Relay connections over keyset pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import strawberry

from forkpoint_server.query.pages import Page

Node = TypeVar("Node")
Row = TypeVar("Row")


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """Cursors of the first and last row, and whether there is more on either side."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None = strawberry.field(description="null when the page is empty")
    end_cursor: str | None = strawberry.field(description="null when the page is empty")


@strawberry.type(description="One row of a list and the cursor that continues after it.")
class Edge(Generic[Node]):
    """A node with its cursor."""

    node: Node
    cursor: str


@strawberry.type(description="A page of a list; `totalCount` counts all pages.")
class Connection(Generic[Node]):
    """Edges and nodes are the same rows; ask for one of them."""

    edges: list[Edge[Node]]
    nodes: list[Node]
    page_info: PageInfo
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field(description="Rows of all pages together, counted when asked for.")
    async def total_count(self) -> int:
        """Run the count."""
        return await self.count()


def connection_parts(
    page: Page[Row], make: Callable[[Row], Node]
) -> tuple[list[Edge[Node]], list[Node], PageInfo]:
    """Edges, nodes and page info of a page, each row made once."""
    nodes = [make(row) for row in page.rows]
    edges = [
        Edge(node=node, cursor=cursor) for node, cursor in zip(nodes, page.cursors, strict=True)
    ]
    info = PageInfo(
        has_next_page=page.has_next,
        has_previous_page=page.has_previous,
        start_cursor=page.cursors[0] if page.cursors else None,
        end_cursor=page.cursors[-1] if page.cursors else None,
    )
    return edges, nodes, info
