"""A late fork of a long run: rows, bytes and CPU of the worker, shared and written whole."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from pathlib import Path

from forkpoint.events.wire import to_builtins
from forkpoint.replay import prefix
from forkpoint.testing.memory import Recorded
from forkpoint_server.artifacts.memory import MemoryBlobs
from forkpoint_server.db.engine import Database, driver
from forkpoint_server.db.migrate import upgrade
from forkpoint_server.embedded import Embedded
from forkpoint_server.ingestion.batch import ingest
from forkpoint_server.ingestion.runs import finish_run, start_run
from forkpoint_server.live.publish import Silent
from forkpoint_server.replay.plans import Asked, plan_replay
from forkpoint_server.replay.rows import session_by_id
from forkpoint_server.replay.sessions import begin_sessions
from forkpoint_server.replay.words import Executor
from forkpoint_server.security.principals import loopback_principal
from forkpoint_worker.loop import Worker
from forkpoint_worker.work import Services

from benchmarks.replay import taped

STEPS = int(os.environ.get("FORKPOINT_BENCH_FORK_STEPS", "100000"))
NEW = 50
"""Steps from the changed one on."""
PROJECT = 1
BATCH = 1_000
NEVER = 10**9
MIB = 2**20


def run() -> dict[str, float]:
    """Of one run: a fork that shares what it can, and its twin that does not."""
    tape, _ = taped(STEPS)
    with tempfile.TemporaryDirectory() as directory, Embedded(Path(directory)) as databases:
        upgrade(databases.database_url(role="owner"))
        return asyncio.run(_measure(databases.database_url(role="worker"), tape))


async def _measure(url: str, tape: Recorded) -> dict[str, float]:
    database = Database(url, pool_size=4, statement_timeout_ms=60_000)
    await _store(database, tape)
    shared = await _fork(database, tape)
    least, prefix.LEAST = prefix.LEAST, NEVER
    try:
        whole = await _fork(database, tape)
    finally:
        prefix.LEAST = least
        await database.close()
    names = ("rows", "mib", "cpu_s")
    return {
        **{f"fork_100k_{name}": value for name, value in zip(names, shared, strict=True)},
        **{f"fork_100k_whole_{name}": value for name, value in zip(names, whole, strict=True)},
        "fork_100k_bytes_to_whole": shared[1] / whole[1],
    }


async def _store(database: Database, tape: Recorded) -> None:
    who = loopback_principal()
    bodies = [body.decode() for body in tape.sink.blocks.values()]
    for at in range(0, len(bodies), BATCH):
        await ingest(database, who, events=[], blocks=bodies[at : at + BATCH], live=Silent())
    await start_run(database, who, to_builtins(tape.run), live=Silent())
    for at in range(0, len(tape.events), BATCH):
        events = [to_builtins(event) for event in tape.events[at : at + BATCH]]
        await ingest(database, who, events=events, blocks=[], live=Silent())
    await finish_run(database, who, to_builtins(tape.end), live=Silent())


async def _fork(database: Database, tape: Recorded) -> tuple[float, float, float]:
    """Rows, MiB of tables and indexes, CPU seconds of this process."""
    key = f"r#{STEPS - NEW}"
    edit = {"kind": "output", "key": key, "value": "nothing"}
    asked = Asked(run_id=tape.run.run_id, cut={"key": key}, edits=[edit], executor=Executor.GRAPH)
    async with database.transaction(PROJECT) as connection:
        raw = await driver(connection)
        await raw.execute("delete from job")
        planned = await plan_replay(raw, PROJECT, asked)
        [session], _ = await begin_sessions(
            raw, PROJECT, asked, planned, samples=1, client_id=None, now_ns=time.time_ns()
        )
    services = Services(
        database=database, blobs=MemoryBlobs(), publisher=lambda _: Silent(), clock=time.time_ns
    )
    before, cpu = await _size(database), time.process_time()
    await Worker(services, owner="benchmark", luck=random.Random(1)).work_off()
    cpu = time.process_time() - cpu
    async with database.reading(PROJECT) as connection:
        raw = await driver(connection)
        ended = await session_by_id(raw, PROJECT, session.session_id)
        assert ended is not None and ended.verdict == "forked"
        rows = await raw.fetchval(_ROWS, session.new_run_id)
    return float(rows), (await _size(database) - before) / MIB, cpu


async def _size(database: Database) -> int:
    async with database.reading(PROJECT) as connection:
        return await (await driver(connection)).fetchval(_SIZE)


_ROWS = """
select (select count(*) from event where run_id = $1)
  + (select count(*) from step where run_id = $1)
  + (select count(*) from artifact where run_id = $1)
"""
_SIZE = """
select coalesce(sum(pg_total_relation_size(oid)), 0)::bigint
from pg_class
where relkind = 'r' and relname ~ '^(event|step|artifact)_p?[0-9]+$'
"""
