"""A recording brought into this process: its records and events, page by page."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import orjson
from forkpoint.content import Digest
from forkpoint.errors import ReplayError
from forkpoint.events.model import Event, RunEnd, RunStart
from forkpoint.events.wire import read_event, read_run_end, read_run_start
from forkpoint.replay.recording import Get, Recording
from forkpoint_server.db.engine import Database
from forkpoint_server.query.events import EventRow
from forkpoint_server.query.recording import events_after, records_of

PAGE = 2_000
Events = Sequence[tuple[int, Event]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A run as it was recorded; `blocks` grow as payload is asked for."""

    start: RunStart
    end: RunEnd | None
    events: Events
    recording: Recording
    blocks: dict[Digest, bytes]


async def read_recorded(database: Database, project_id: int, run_id: str) -> Recorded:
    """Read and index a run. Raises `ReplayError`, also when it is not there any more."""
    async with database.reading(project_id) as connection:
        records = await records_of(connection, project_id, run_id)
    if records is None:
        raise ReplayError(f"run {run_id} was deleted", code="recording_incomplete")
    events: list[tuple[int, Event]] = []
    after = -1
    while after < records.head:
        async with database.reading(project_id) as connection:
            rows = await events_after(
                connection,
                project_id,
                run_id,
                after=after,
                first=PAGE,
                derived=records.derived,
            )
        if not rows:
            break
        events += await asyncio.to_thread(_parsed, rows)
        after = rows[-1].seq
    blocks: dict[Digest, bytes] = {}
    start = read_run_start(orjson.loads(records.start))
    end = read_run_end(orjson.loads(records.end)) if records.end else None
    recording = await asyncio.to_thread(Recording.load, start, end, events, _getter(blocks))
    return Recorded(start=start, end=end, events=events, recording=recording, blocks=blocks)


def _parsed(rows: Sequence[EventRow]) -> list[tuple[int, Event]]:
    return [(row.seq, read_event(orjson.loads(row.body))) for row in rows]


def _getter(blocks: Mapping[Digest, bytes]) -> Get:
    def get(wanted: Collection[Digest]) -> Mapping[Digest, bytes]:
        return {digest: blocks[digest] for digest in wanted if digest in blocks}

    return get
