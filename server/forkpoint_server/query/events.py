"""Events as they were received: their JSON, in the order of the run."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.db.whole import rows_of, whole_of
from forkpoint_server.query.pages import Page, check_first, make_page, read_cursor


@dataclass(frozen=True, slots=True)
class EventRow:
    """One stored event; `body` is its JSON text."""

    seq: int
    body: bytes


async def events_page(
    connection: AsyncConnection, project_id: int, run_id: str, *, first: int, after: str | None
) -> Page[EventRow]:
    """A page of the events of a run. Index: primary key (run_id, seq)."""
    check_first(first)
    start = -1 if after is None else read_cursor(after, int)[0]
    whole = await whole_of(connection, project_id, run_id)
    events = rows_of("event", [whole], where="seq > :after", tail="order by seq limit :rows")
    rows = await connection.execute(
        text(f"""
            select seq, body, time_ns
            from {events} as event
            where run_id = cast(:run_id as uuid) and project_id = :project_id and seq > :after
            order by seq
            limit :rows
        """),
        {"run_id": run_id, "project_id": project_id, "after": start, "rows": first + 1},
    )
    found = [EventRow(row[0], whole.body(row[0], bytes(row[1]), row[2])) for row in rows]
    return make_page(found, first=first, after=after, key=lambda event: [event.seq])
