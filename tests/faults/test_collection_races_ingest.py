"""Writers with wrong beliefs against a collector that never rests: no reference ever dangles."""

from __future__ import annotations

import asyncio
import os
import random
import time

import pytest
from forkpoint.content import children, decode, digest_from_text
from forkpoint_server.artifacts.collection import Collector
from forkpoint_server.artifacts.memory import MemoryBlobs
from forkpoint_server.artifacts.packs import Packer
from forkpoint_server.artifacts.retention import delete_runs
from forkpoint_server.artifacts.trees import load_closure
from forkpoint_server.db.engine import Database, driver
from forkpoint_server.ingestion.batch import ingest
from forkpoint_server.ingestion.runs import start_run
from forkpoint_server.live.publish import Silent
from forkpoint_server.security.principals import Principal
from forkpoint_worker.work import Services
from recorded_runs import RecordedRun
from stack import Database as Scratch

BATCHES = 150
WRITERS = 4
KEPT = 2
"""Runs of a writer that exist at a time: older ones are deleted, so most blocks are garbage."""
VALUES = [[f"value {n} part {m} " * 20 for m in range(6)] for n in range(60)]


class Batches:
    """Counts what the writers have sent."""

    def __init__(self) -> None:
        self._sent = 0
        self._more = asyncio.Event()

    def count(self) -> None:
        self._sent += 1
        self._more.set()

    async def pass_by(self, number: int, writers: list[asyncio.Task[int]]) -> None:
        """Return when so many more have been sent, or no writer is left."""
        wanted = self._sent + number
        while self._sent < wanted and not all(writer.done() for writer in writers):
            self._more.clear()
            more = asyncio.ensure_future(self._more.wait())
            running = [writer for writer in writers if not writer.done()]
            await asyncio.wait([more, *running], return_when=asyncio.FIRST_COMPLETED)
            more.cancel()


@pytest.mark.timeout(240)
async def test_no_reference_dangles_and_no_garbage_stays(
    open_database: Database,
    principal: Principal,
    services: Services,
    blobs: MemoryBlobs,
    database: Scratch,
):
    seed = int(os.environ.get("FORKPOINT_FAULT_SEED") or time.time_ns() % 2**32)
    print(f"FORKPOINT_FAULT_SEED={seed}")
    collector = Collector(database=services.database, project_id=1, blobs=blobs, clock=time.time_ns)
    batches = Batches()
    writers = [
        asyncio.create_task(
            _write(open_database, principal, services, blobs, batches, random.Random(n))
        )
        for n in range(seed, seed + WRITERS)
    ]
    cycles = 0
    while not all(writer.done() for writer in writers):
        gen = await collector.begin()
        await collector.mark(gen)
        await collector.decide(gen)
        await batches.pass_by(5, writers)  # the dangerous time: what is unmarked is going
        await collector.sweep(gen)
        await collector.end(gen)
        await collector.tidy_packs()
        cycles += 1
    told = sum([await writer for writer in writers])

    assert cycles > 3
    assert told > 0, "nobody was told to send a block again: the race was not run"
    assert await _dangling(open_database, blobs, database) == []
    await _delete_all(open_database, database)
    await collector.collect()
    await collector.collect()
    assert database.sql("select (select count(*) from block), (select count(*) from pack)") == (
        "0\t0"
    )


async def _write(
    database: Database,
    principal: Principal,
    services: Services,
    blobs: MemoryBlobs,
    batches: Batches,
    luck: random.Random,
) -> int:
    """Record runs that mostly believe their blocks are there; how often that was wrong."""
    told = 0
    kept: list[tuple[str, bytes, object]] = []
    packer = Packer(database=services.database, project_id=1, blobs=blobs, clock=time.time_ns)
    for _ in range(BATCHES):
        run = RecordedRun()
        await start_run(database, principal, run.start())
        value = luck.sample(VALUES, k=luck.randint(1, 2))
        ref = run.ref("output", value)
        event = run.began("r#0", artifacts=(ref,))
        everything = run.take_blocks()
        some = luck.sample(everything, k=luck.randint(0, len(everything)))
        result = await ingest(
            database, principal, events=[event], blocks=_sent(some, luck), live=Silent()
        )
        batches.count()
        if result.missing:
            told += 1
            await ingest(database, principal, events=[event], blocks=everything, live=Silent())
        if luck.random() < 0.1:
            await packer.pack_run(run.run_id)
        kept.append((run.run_id, digest_from_text(str(ref.root)), value))
        if len(kept) > KEPT:
            await _check_and_delete(database, blobs, *kept.pop(0))
    return told


async def _check_and_delete(
    database: Database, blobs: MemoryBlobs, run_id: str, root: bytes, value: object
) -> None:
    """A run is whole to its last moment, whatever was collected meanwhile."""
    async with database.reading(1) as connection:
        blocks = await load_closure(connection, 1, [root], blobs=blobs)
    assert decode(root, lambda wanted: {each: blocks[each] for each in wanted}) == value
    async with database.transaction(1) as connection:
        await delete_runs(await driver(connection), 1, [run_id])


def _sent(blocks: list[str], luck: random.Random) -> list[str]:
    return blocks if luck.random() < 0.5 else []


async def _dangling(database: Database, blobs: MemoryBlobs, scratch: Scratch) -> list[str]:
    """Digests that artifacts or blocks below them name and the table does not have."""
    rows = scratch.sql("select distinct encode(root, 'hex') from artifact where root is not null")
    roots = {bytes.fromhex(row) for row in rows.split()}
    async with database.reading(1) as connection:
        blocks = await load_closure(connection, 1, roots, blobs=blobs, budget=2**30)
    named = roots | {child for body in blocks.values() for child in children(body)}
    return sorted(digest.hex() for digest in named - blocks.keys())


async def _delete_all(database: Database, scratch: Scratch) -> None:
    runs = scratch.sql("select run_id from run").split()
    async with database.transaction(1) as connection:
        await delete_runs(await driver(connection), 1, runs)
