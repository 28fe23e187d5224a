"""Kill -9 of a worker at its jobs, and Redis emptied: another one ends all of them, once.

`FORKPOINT_FAULT_ROUNDS` says how often (default once).
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import secrets
import signal
import sys
from pathlib import Path

import pytest
import redis
from faults.rounds import luck, rounds
from forkpoint.content import decode, digest_from_text
from forkpoint_server.artifacts.directory import DirectoryBlobs
from forkpoint_server.artifacts.trees import load_closure
from forkpoint_server.db.engine import Database
from forkpoint_server.ingestion.batch import ingest
from forkpoint_server.ingestion.runs import finish_run, start_run
from forkpoint_server.live.publish import Silent
from forkpoint_server.security.principals import Principal
from forkpoint_worker.loop import Worker
from forkpoint_worker.work import Services
from recorded_runs import RecordedRun
from stack import Database as Scratch

RUNS = 12
JOBS = 2 * RUNS
"""Each run is finished, then its blocks are packed."""
ROUNDS = rounds(1)
pytestmark = pytest.mark.timeout(120 + 30 * ROUNDS)

Value = list[str]


async def test_jobs_of_a_killed_worker_are_done_once_by_another_without_redis(
    open_database: Database,
    principal: Principal,
    services: Services,
    database: Scratch,
    tmp_path: Path,
):
    chance, blobs = luck(), DirectoryBlobs(tmp_path)
    heir = Worker(dataclasses.replace(services, blobs=blobs), owner="heir", luck=chance)
    for _ in range(ROUNDS):
        stored = [await _finished_run(open_database, principal) for _ in range(RUNS)]
        await _kill_at_work(database, tmp_path, after=chance.randint(1, JOBS // 2))
        left = database.sql("select count(*) from job where state in ('queued', 'leased')")
        redis.Redis.from_url(database.redis_url).flushall()
        database.sql("update job set lease_until = now(), run_at = now() where state <> 'done'")
        await heir.work_off()

        print(f"{left} jobs were left")
        assert int(left) > 0
        assert database.sql("select kind, state from job where state <> 'done'") == ""
        ended = "select count(*), count(distinct (kind, dedupe_key)) from job where run_id = any"
        runs = f"array[{','.join(repr(run) for run, _, _ in stored)}]::uuid[]"
        assert database.sql(f"{ended} ({runs})") == f"{JOBS}\t{JOBS}"
        for _, root, value in stored:
            assert await _value(open_database, root, blobs) == value
    assert database.sql("select count(*) from run where status <> 'ok'") == "0"


async def _finished_run(database: Database, principal: Principal) -> tuple[str, bytes, Value]:
    """A run with one value of some blocks, whose jobs wait."""
    run, value = RecordedRun(), [secrets.token_hex(200) for _ in range(60)]
    await start_run(database, principal, run.start())
    ref = run.ref("output", value)
    events = [run.began("r#0"), run.ended("r#0", artifacts=(ref,))]
    await ingest(database, principal, events=events, blocks=run.take_blocks(), live=Silent())
    await finish_run(database, principal, run.end())
    return run.run_id, digest_from_text(str(ref.root)), value


async def _kill_at_work(database: Scratch, data: Path, *, after: int) -> None:
    """A worker process of its own, killed when it has done so many jobs."""
    environment = {
        "PATH": os.defpath,
        "FORKPOINT_DATABASE_URL": database.url("worker"),
        "FORKPOINT_REDIS_URL": database.redis_url,
        "FORKPOINT_DATA": str(data),
        "FORKPOINT_WORKER_CONCURRENCY": "2",
        "PYTHONUNBUFFERED": "1",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "forkpoint_worker",
        env=environment,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    done = 0
    while done < after:
        line = await process.stderr.readline()
        assert line, "the worker ended by itself"
        done += b"job_done" in line
    process.kill()
    await process.communicate()
    assert process.returncode == -signal.SIGKILL


async def _value(database: Database, root: bytes, blobs: DirectoryBlobs) -> object:
    async with database.reading(1) as connection:
        blocks = await load_closure(connection, 1, [root], blobs=blobs)
    return decode(root, lambda wanted: {digest: blocks[digest] for digest in wanted})
