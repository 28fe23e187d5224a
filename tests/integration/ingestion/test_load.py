from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest
from forkpoint_server.db.engine import Database
from forkpoint_server.ingestion.batch import ingest
from forkpoint_server.ingestion.runs import start_run
from forkpoint_server.live.publish import Remembered
from forkpoint_server.security.principals import Principal
from recorded_runs import RecordedRun
from sqlalchemy.ext.asyncio import AsyncConnection
from stack import Database as Scratch


class Counting(Database):
    """Counts the statements of its transactions, whoever sends them."""

    statements = 0

    @asynccontextmanager
    async def transaction(self, project_id: int) -> AsyncGenerator[AsyncConnection]:
        async with super().transaction(project_id) as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            with raw.query_logger(self._count):
                yield connection

    def _count(self, _record: object) -> None:
        self.statements += 1


@pytest.fixture
async def counting(database: Scratch) -> AsyncIterator[Counting]:
    opened = Counting(database.url("api"))
    yield opened
    await opened.close()


async def test_a_large_batch_takes_no_more_statements_than_a_small_one(
    counting: Counting, principal: Principal, live: Remembered
):
    taken: list[int] = []
    for steps in (2, 250):
        run = RecordedRun()
        await start_run(counting, principal, run.start())
        await _send(counting, principal, live, run.steps(1))
        events = _with_payload(run, steps)
        counting.statements = 0
        await _send(counting, principal, live, events, blocks=run.take_blocks())
        taken.append(counting.statements)

    assert taken[0] == taken[1] <= 16


async def test_one_batch_on_sixteen_connections_is_stored_once(
    open_database: Database, principal: Principal, database: Scratch
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    events = run.steps(20)

    results = await asyncio.gather(
        *(
            ingest(open_database, principal, events=events, blocks=[], live=Remembered())
            for _ in range(16)
        )
    )

    assert Counter((r.accepted, r.duplicates) for r in results) == {(40, 0): 1, (0, 40): 15}
    assert {r.cursors[run.run_id] for r in results} == {39}
    assert database.sql(f"select count(*) from event where run_id = '{run.run_id}'") == "40"


async def test_writers_of_many_runs_at_once_leave_each_run_without_holes(
    open_database: Database, principal: Principal, database: Scratch
):
    runs = [RecordedRun() for _ in range(4)]
    for run in runs:
        await start_run(open_database, principal, run.start())
    pieces = [run.steps(1, first=n) for n in range(10) for run in runs]
    mixed = [pieces[n] + pieces[n + 1] for n in range(0, len(pieces), 2)]

    await asyncio.gather(
        *(
            ingest(open_database, principal, events=events, blocks=[], live=Remembered())
            for events in mixed
        )
    )

    for run in runs:
        where = f"where run_id = '{run.run_id}'"
        seqs = database.sql(f"select seq from event {where} order by seq").split()
        numbers = database.sql(f"select sequence_no from event {where} order by seq").split()
        assert seqs == numbers == [str(n) for n in range(20)]


async def _send(
    database: Database,
    principal: Principal,
    live: Remembered,
    events: list[dict[str, object]],
    blocks: list[str] | None = None,
) -> None:
    result = await ingest(database, principal, events=events, blocks=blocks or [], live=live)
    assert result.accepted == len(events)


def _with_payload(run: RecordedRun, steps: int) -> list[dict[str, object]]:
    """Steps with payload, the end of an older one, and a child."""
    events = [run.began("r#old", artifacts=(run.ref("input.args", "old"),))]
    for n in range(steps):
        ref = run.ref("input.args", f"value {n}")
        events.append(run.began(f"r#x{n}", parent="r#0", artifacts=(ref,)))
        events.append(run.ended(f"r#x{n}", artifacts=(run.ref("output", n),)))
    return events
