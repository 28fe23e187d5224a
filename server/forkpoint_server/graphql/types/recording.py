"""Pages of a recording: events with their seq, and the blocks that their clean artifacts need."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import strawberry
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.artifacts.store import BlobStore
from forkpoint_server.artifacts.trees import load_closure
from forkpoint_server.errors import LimitExceeded, NotFound
from forkpoint_server.graphql.context import Info
from forkpoint_server.graphql.scalars import JSON, BigInt, big
from forkpoint_server.query.events import EventRow
from forkpoint_server.query.pages import check_first
from forkpoint_server.query.recording import (
    PAGE_BYTES,
    PAGE_EVENTS,
    Records,
    clean_roots,
    events_after,
    records_of,
)
from forkpoint_server.security.audit import Action, Entry, record_alone

SINGLE_BYTES = 64 * 1024 * 1024
"""Budget of the blocks of a page with one event: the largest value that can be recorded."""


@strawberry.type(description="Some events of a recording and what they need; ask on with `next`.")
class RecordingPage:
    """`start` and `end` are the run's records; `blocks` are block bodies as text."""

    start: JSON
    end: JSON | None = strawberry.field(description="null while the run is not finished")
    events: JSON = strawberry.field(description="List of {seq, event}, in the order of seq.")
    blocks: JSON = strawberry.field(description="List of block bodies; some may come again.")
    head: BigInt
    next: BigInt | None = strawberry.field(description="`after` of the next page; null: done")


async def recording_page(info: Info, run_id: str, *, after: int, first: int) -> RecordingPage:
    """One page, cut so that events and blocks stay within the byte budget where they can."""
    check_first(first, maximum=PAGE_EVENTS)
    context = info.context
    project_id = context.project_id
    async with context.services.database.reading(project_id) as connection:
        records = await records_of(connection, project_id, run_id)
    if records is None:
        raise NotFound("run")
    exported = Entry(action=Action.RECORDING_EXPORTED, target=run_id, facts={"fromSeq": after + 1})
    await record_alone(
        context.services.database, context.principal, exported, now_ns=context.services.clock()
    )
    async with context.services.database.reading(project_id) as connection:
        events = await events_after(
            connection,
            project_id,
            run_id,
            after=after,
            first=first,
            derived=records.derived,
        )
        events, blocks = await _with_blocks(
            connection,
            project_id,
            run_id,
            after=after,
            events=events,
            records=records,
            blobs=context.services.blobs,
        )
    last = events[-1].seq if events else after
    return RecordingPage(
        start=JSON(orjson.Fragment(records.start)),
        end=None if records.end is None else JSON(orjson.Fragment(records.end)),
        events=JSON([_event(event) for event in events]),
        blocks=JSON([body.decode() for body in blocks]),
        head=BigInt(records.head),
        next=big(last) if last < records.head else None,
    )


async def _with_blocks(
    connection: AsyncConnection,
    project_id: int,
    run_id: str,
    *,
    after: int,
    events: Sequence[EventRow],
    records: Records,
    blobs: BlobStore,
) -> tuple[Sequence[EventRow], Sequence[bytes]]:
    """The events and their blocks; half as many events as long as the blocks are too many."""
    begins = after < 0
    while True:
        roots: list[bytes] = []
        if events or begins:
            start = -1 if begins else after + 1
            last = events[-1].seq if events else -1
            pairs = await clean_roots(connection, project_id, run_id, first=start, last=last)
            roots = [root for _, root in pairs]
        if begins:
            roots += [root for root in (records.edits_root, records.policy_root) if root]
        budget = PAGE_BYTES if len(events) > 1 else SINGLE_BYTES
        try:
            closure = await load_closure(
                connection, project_id, set(roots), blobs=blobs, budget=budget
            )
        except LimitExceeded:
            if len(events) <= 1:
                raise
            events = events[: len(events) // 2]
            continue
        return events, list(closure.values())


def _event(row: EventRow) -> dict[str, object]:
    return {"seq": row.seq, "event": orjson.Fragment(row.body)}
