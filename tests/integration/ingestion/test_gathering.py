"""Batches that come at once share transactions, and each is answered as if it had come alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest
from forkpoint_server.db.engine import Database
from forkpoint_server.ingestion.batch import IngestResult, read_batch
from forkpoint_server.ingestion.gathering import Gathering
from forkpoint_server.ingestion.runs import start_run
from forkpoint_server.live.publish import Remembered
from forkpoint_server.security.principals import Principal
from recorded_runs import RecordedRun
from sqlalchemy.ext.asyncio import AsyncConnection
from stack import Database as Scratch

SENDERS = 40


class Counting(Database):
    """Counts its transactions."""

    transactions = 0

    @asynccontextmanager
    async def transaction(self, project_id: int) -> AsyncGenerator[AsyncConnection]:
        self.transactions += 1
        async with super().transaction(project_id) as connection:
            yield connection


@pytest.fixture
async def counting(database: Scratch) -> AsyncIterator[Counting]:
    opened = Counting(database.url("api"))
    yield opened
    await opened.close()


class Door:
    """What a door of the service does with a batch."""

    def __init__(self, database: Database, principal: Principal, live: Remembered) -> None:
        self._gathering = Gathering(database, clock=lambda: 1)
        self._principal = principal
        self._live = live

    async def send(
        self, events: list[dict[str, object]], blocks: list[str] | None = None
    ) -> IngestResult:
        batch = await read_batch(events, blocks or [])
        return await self._gathering.store(self._principal, batch, live=self._live)


async def test_many_small_batches_at_once_take_few_transactions_and_lose_nothing(
    counting: Counting, principal: Principal, live: Remembered, database: Scratch
):
    runs = [RecordedRun() for _ in range(SENDERS)]
    for run in runs:
        await start_run(counting, principal, run.start())
    door = Door(counting, principal, live)
    counting.transactions = 0

    results = await asyncio.gather(*(door.send(run.steps(2)) for run in runs))

    assert results == [IngestResult(accepted=4, cursors={run.run_id: 3}) for run in runs]
    assert counting.transactions <= 4
    assert sorted(live.messages) == sorted((run.run_id, 0, 3) for run in runs)
    for run in runs:
        assert database.sql(f"select count(*) from event where run_id = '{run.run_id}'") == "4"


async def test_the_same_batch_sixteen_times_at_once_is_stored_once(
    counting: Counting, principal: Principal, live: Remembered, database: Scratch
):
    run = RecordedRun()
    await start_run(counting, principal, run.start())
    door, events = Door(counting, principal, live), run.steps(20)

    results = await asyncio.gather(*(door.send(events) for _ in range(16)))

    assert Counter((each.accepted, each.duplicates) for each in results) == {
        (40, 0): 1,
        (0, 40): 15,
    }
    assert database.sql(f"select count(*) from event where run_id = '{run.run_id}'") == "40"


async def test_pieces_that_come_in_any_order_fit_together_within_one_transaction(
    counting: Counting, principal: Principal, live: Remembered, database: Scratch
):
    run = RecordedRun()
    await start_run(counting, principal, run.start())
    door, events = Door(counting, principal, live), run.steps(10)
    pieces = [events[n : n + 2] for n in range(0, 20, 2)]

    results = await asyncio.gather(*(door.send(piece) for piece in reversed(pieces)))

    assert sum(each.accepted + each.held for each in results) == 20
    where = f"where run_id = '{run.run_id}'"
    numbers = database.sql(f"select sequence_no from event {where} order by seq").split()
    assert numbers == [str(n) for n in range(20)]
    assert database.sql(f"select count(*) from held_event {where}") == "0"


async def test_one_batch_without_its_blocks_or_with_a_conflict_spoils_no_other(
    counting: Counting, principal: Principal, live: Remembered
):
    runs = [RecordedRun() for _ in range(8)]
    for run in runs:
        await start_run(counting, principal, run.start())
    door = Door(counting, principal, live)
    known = runs[6].began("r#0")
    await door.send([known])
    batches = [run.steps(1) for run in runs[:5]]
    batches.append([runs[5].began("r#0", artifacts=(runs[5].ref("input.args", "gone"),))])
    batches.append([{**known, "name": "another"}])
    batches.append([{"no": "event"}, *runs[7].steps(1)])

    results = await asyncio.gather(*(door.send(events) for events in batches))

    assert [each.accepted for each in results] == [2, 2, 2, 2, 2, 0, 0, 2]
    assert [len(each.missing) for each in results] == [0, 0, 0, 0, 0, 1, 0, 0]
    assert [[(r.index, r.code) for r in each.rejected] for each in results[5:]] == [
        [],
        [(0, "conflict")],
        [(0, "unknown_event_type")],
    ]


async def test_a_caller_that_leaves_takes_nobody_with_it(
    counting: Counting, principal: Principal, live: Remembered
):
    runs = [RecordedRun() for _ in range(8)]
    for run in runs:
        await start_run(counting, principal, run.start())
    door = Door(counting, principal, live)

    tasks = [asyncio.create_task(door.send(run.steps(1))) for run in runs]
    await asyncio.sleep(0)  # all of them have begun
    tasks[5].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    kept = [each for n, each in enumerate(results) if n != 5]
    assert all(isinstance(each, IngestResult) and each.accepted == 2 for each in kept)
