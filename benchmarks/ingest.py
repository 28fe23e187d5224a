"""Native bulk ingest against raw COPY of the same event rows into the same table.

The floor is what Postgres does with the event rows alone, as its superuser, without checks, steps,
counters or tenancy. The goal is half of it.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from pathlib import Path

import asyncpg
from forkpoint.events import ids
from forkpoint.events.kinds import Kind
from forkpoint.events.model import RunStart, StepEnded, StepStarted
from forkpoint.events.wire import to_builtins
from forkpoint_server.db.engine import Database
from forkpoint_server.db.migrate import upgrade
from forkpoint_server.embedded import Embedded
from forkpoint_server.ingestion.batch import ingest
from forkpoint_server.ingestion.incoming import Incoming, event_type, read_events, step_of
from forkpoint_server.ingestion.runs import start_run
from forkpoint_server.live.publish import Silent
from forkpoint_server.security.principals import loopback_principal

EVENTS = 20_000
BATCHES = (500, 5_000)
_COLUMNS = (
    "run_id",
    "seq",
    "project_id",
    "event_id",
    "event_type",
    "writer",
    "sequence_no",
    "step_id",
    "time_ns",
    "digest",
    "body",
)


def run() -> dict[str, float]:
    """Events a second and their ratio to COPY, on a database of its own without fsync."""
    with (
        tempfile.TemporaryDirectory() as directory,
        Embedded(Path(directory), durable=False) as databases,
    ):
        upgrade(databases.database_url(role="owner"))
        return asyncio.run(_measure(databases))


async def _measure(databases: Embedded) -> dict[str, float]:
    admin = databases.database_url(role="admin").replace("+asyncpg", "")
    floor = await _copy(admin)
    database = Database(databases.database_url(role="api"))
    try:
        await _ingest(database, 500)  # plans, caches, connections
        rates = {size: await _ingest(database, size) for size in BATCHES}
    finally:
        await database.close()
    floor = max(floor, await _copy(admin))
    figures = {"ingest.copy.events_per_s": floor}
    for size, rate in rates.items():
        figures[f"ingest.batch_{size}.events_per_s"] = rate
        figures[f"ingest.batch_{size}.ratio_to_copy"] = rate / floor
    return figures


async def _copy(url: str) -> float:
    run_id, events = _events()
    read, _ = read_events(events)
    rows = [_row(run_id, seq, each) for seq, each in enumerate(read)]
    connection = await asyncpg.connect(url)
    try:
        begin = time.perf_counter()
        await connection.copy_records_to_table("event", records=rows, columns=_COLUMNS)
        return EVENTS / (time.perf_counter() - begin)
    finally:
        await connection.close()


async def _ingest(database: Database, size: int) -> float:
    principal = loopback_principal()
    run_id, events = _events()
    record = RunStart(run_id=run_id, name="bench", started_ns=1, ruleset_id="0" * 16)
    await start_run(database, principal, to_builtins(record))
    begin = time.perf_counter()
    for at in range(0, EVENTS, size):
        result = await ingest(
            database, principal, events=events[at : at + size], blocks=[], live=Silent()
        )
        assert result.accepted == len(events[at : at + size])
    return EVENTS / (time.perf_counter() - begin)


def _events() -> tuple[str, list[dict[str, object]]]:
    run_id = str(uuid.uuid4())
    events: list[dict[str, object]] = []
    for n in range(EVENTS // 2):
        step = ids.step_id(ids.RunId(run_id), 0, f"r#{n}")
        started = StepStarted(
            run_id=run_id,
            sequence_no=2 * n,
            time_ns=n * 1000,
            step_id=step,
            kind=Kind.MODEL,
            name="chat",
            key=f"r#{n}",
            site="agent:Agent.step",
            model="large-1",
        )
        ended = StepEnded(
            run_id=run_id,
            sequence_no=2 * n + 1,
            time_ns=n * 1000 + 500,
            step_id=step,
            status="ok",
            tokens_in=900,
            tokens_out=80,
            cost_micro_usd=1200,
            finish_reason="stop",
        )
        events += [to_builtins(started), to_builtins(ended)]
    return run_id, events


def _row(run_id: str, seq: int, each: Incoming) -> tuple[object, ...]:
    event = each.event
    return (
        run_id,
        seq,
        1,
        each.id,
        event_type(event),
        event.writer,
        event.sequence_no,
        step_of(event),
        event.time_ns,
        each.digest,
        each.body,
    )
