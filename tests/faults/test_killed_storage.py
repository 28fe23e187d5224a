"""Kill -9 at the worst points of storing: every run stays readable, nothing is left for ever."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import sys
import time
from pathlib import Path

import orjson
import pytest
from forkpoint.capture.spool import Position, RecordType, SpoolReader
from forkpoint.content import decode, digest_from_text
from forkpoint_server.artifacts.blob_rows import GRACE_NS, sweep_blobs
from forkpoint_server.artifacts.collection import Collector
from forkpoint_server.artifacts.directory import DirectoryBlobs
from forkpoint_server.artifacts.packs import Packer
from forkpoint_server.artifacts.trees import load_closure
from forkpoint_server.db.engine import Database
from forkpoint_server.ingestion.batch import ingest
from forkpoint_server.ingestion.runs import start_run
from forkpoint_server.live.publish import Silent
from forkpoint_server.security.principals import Principal
from forkpoint_worker.work import Services
from recorded_runs import RecordedRun
from stack import Database as Scratch

VICTIM = Path(__file__).with_name("victim.py")


@pytest.fixture(autouse=True)
def empty(database: Scratch) -> None:
    database.sql("truncate run, event, step, artifact, block, pack, block_mark, blob")


async def test_a_batch_killed_before_its_commit_leaves_nothing_and_can_be_repeated(
    open_database: Database, principal: Principal, database: Scratch
):
    run, batch, root, value = await _batch(open_database, principal)

    await _kill("before_commit", url=database.url("api"), **batch)
    left = [database.sql(f"select count(*) from {t}") for t in ("event", "artifact", "block")]
    again = await ingest(open_database, principal, **batch, live=Silent())

    assert left == ["0", "0", "0"]
    assert (again.accepted, again.duplicates, again.cursors) == (2, 0, {run.run_id: 1})
    assert await _value(open_database, root, None) == value


async def test_a_batch_killed_after_its_commit_is_all_duplicates_with_the_same_cursor(
    open_database: Database, principal: Principal, database: Scratch
):
    run, batch, root, value = await _batch(open_database, principal)

    await _kill("after_commit", url=database.url("api"), **batch)
    again = await ingest(open_database, principal, **batch, live=Silent())

    assert (again.accepted, again.duplicates, again.cursors) == (0, 2, {run.run_id: 1})
    assert await _value(open_database, root, None) == value


async def test_a_worker_killed_between_blob_and_row_leaves_a_readable_run_and_no_orphan(
    open_database: Database,
    principal: Principal,
    services: Services,
    database: Scratch,
    tmp_path: Path,
):
    value = [{"n": n, "text": secrets.token_hex(400)} for n in range(300)]
    run, batch, root, _ = await _batch(open_database, principal, value)
    await ingest(open_database, principal, **batch, live=Silent())
    blobs = DirectoryBlobs(tmp_path)

    await _kill("after_put", url=database.url("worker"), directory=str(tmp_path), run_id=run.run_id)

    assert len(_files(tmp_path)) == 1
    assert await _value(open_database, root, blobs) == value
    assert database.sql("select count(*) from pack") == "0"
    a_day_later = time.time_ns() + GRACE_NS + 10**9
    assert await sweep_blobs(services.database, blobs, now_ns=a_day_later) == 1
    assert _files(tmp_path) == []


async def test_packing_again_after_the_kill_uses_the_blob_that_is_there(
    open_database: Database,
    principal: Principal,
    services: Services,
    database: Scratch,
    tmp_path: Path,
):
    value = [{"n": n, "text": secrets.token_hex(400)} for n in range(300)]
    run, batch, root, _ = await _batch(open_database, principal, value)
    await ingest(open_database, principal, **batch, live=Silent())
    blobs = DirectoryBlobs(tmp_path)
    await _kill("after_put", url=database.url("worker"), directory=str(tmp_path), run_id=run.run_id)

    packer = Packer(database=services.database, project_id=1, blobs=blobs, clock=time.time_ns)
    packed = await packer.pack_run(run.run_id)

    a_day_later = time.time_ns() + GRACE_NS + 10**9
    assert await sweep_blobs(services.database, blobs, now_ns=a_day_later) == 0
    assert len(_files(tmp_path)) <= packed.packs
    assert await _value(open_database, root, blobs) == value


async def test_a_host_killed_between_block_and_event_leaves_a_block_that_is_collected(
    open_database: Database,
    principal: Principal,
    services: Services,
    database: Scratch,
    tmp_path: Path,
):
    run = RecordedRun()
    run.ref("output", secrets.token_hex(300))
    blocks = run.take_blocks()
    await _kill("after_block", directory=str(tmp_path), start=run.start(), blocks=blocks)

    [folder] = [path for path in tmp_path.iterdir() if path.is_dir()]
    records, _ = SpoolReader(folder).read(Position())
    start, block = records
    await start_run(open_database, principal, orjson.loads(start.payload))
    await ingest(
        open_database, principal, events=[], blocks=[block.payload.decode()], live=Silent()
    )
    before = database.sql("select count(*) from block")
    collector = Collector(
        database=services.database, project_id=1, blobs=services.blobs, clock=time.time_ns
    )
    await collector.collect()

    assert [record.type for record in records] == [RecordType.RUN_START, RecordType.BLOCK]
    assert (before, database.sql("select count(*) from block")) == ("1", "0")
    assert database.sql(f"select status, head from run where run_id = '{run.run_id}'") == (
        "running\t-1"
    )


async def _batch(
    database: Database, principal: Principal, value: object = "a value " * 50
) -> tuple[RecordedRun, dict[str, list], bytes, object]:
    run = RecordedRun()
    await start_run(database, principal, run.start())
    ref = run.ref("output", value)
    events = [run.began("r#0"), run.ended("r#0", artifacts=(ref,))]
    batch = {"events": json.loads(orjson.dumps(events)), "blocks": run.take_blocks()}
    return run, batch, digest_from_text(str(ref.root)), value


async def _kill(what: str, **arguments: object) -> None:
    """Run a victim to its death; its arguments may be long, so they go by pipe."""
    victim = await asyncio.create_subprocess_exec(
        sys.executable,
        str(VICTIM),
        what,
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await victim.communicate(orjson.dumps(arguments))
    assert victim.returncode == -signal.SIGKILL, said.decode()


async def _value(database: Database, root: bytes, blobs: DirectoryBlobs | None) -> object:
    async with database.reading(1) as connection:
        blocks = await load_closure(connection, 1, [root], blobs=blobs)
    return decode(root, lambda wanted: {digest: blocks[digest] for digest in wanted})


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]
