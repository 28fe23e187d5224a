"""Events as nodes: the JSON that was received, beside its place in the run."""

from __future__ import annotations

import orjson
import strawberry

from forkpoint_server.graphql.context import Info
from forkpoint_server.graphql.scalars import JSON, BigInt
from forkpoint_server.graphql.types.connection import Connection, connection_parts
from forkpoint_server.query.events import EventRow, events_page
from forkpoint_server.query.runs import RunRow


@strawberry.type(name="Event", description="An immutable fact about a run or a step.")
class EventNode:
    """`event` is the wire form, schema version 1."""

    seq: BigInt
    event: JSON


async def event_connection(
    info: Info, run: RunRow, *, first: int, after: str | None
) -> Connection[EventNode]:
    """A page of the events of a run."""
    context = info.context
    async with context.services.database.reading(context.project_id) as connection:
        page = await events_page(
            connection, context.project_id, run.run_id, first=first, after=after
        )

    async def count() -> int:
        return run.head + 1

    edges, nodes, page_info = connection_parts(page, _node)
    return Connection(edges=edges, nodes=nodes, page_info=page_info, count=count)


def _node(row: EventRow) -> EventNode:
    return EventNode(seq=BigInt(row.seq), event=JSON(orjson.Fragment(row.body)))
