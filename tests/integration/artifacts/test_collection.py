from __future__ import annotations

import secrets
import time

import pytest
from forkpoint.content import decode, digest_from_text
from forkpoint_server.artifacts.collection import CollectionOvertaken, Collector
from forkpoint_server.artifacts.memory import MemoryBlobs
from forkpoint_server.artifacts.packs import Packer
from forkpoint_server.artifacts.retention import delete_runs
from forkpoint_server.artifacts.trees import load_closure
from forkpoint_server.db.engine import Database, driver
from forkpoint_server.ingestion.batch import IngestResult, ingest
from forkpoint_server.ingestion.runs import start_run
from forkpoint_server.live.publish import Silent
from forkpoint_server.security.principals import Principal
from forkpoint_worker.work import Services
from recorded_runs import RecordedRun
from stack import Database as Scratch


@pytest.fixture(autouse=True)
def empty(database: Scratch) -> None:
    database.sql("truncate run, event, step, artifact, block, pack, block_mark")


async def test_blocks_of_deleted_runs_go_and_those_of_kept_runs_stay(
    open_database: Database, principal: Principal, services: Services, blobs: MemoryBlobs
):
    shared = [secrets.token_hex(300) for _ in range(20)]
    kept, root = await _recorded(open_database, principal, shared)
    doomed, _ = await _recorded(open_database, principal, [*shared, secrets.token_hex(300)])
    await _delete(open_database, doomed)

    collected = await _collector(services, blobs).collect()

    assert collected.blocks >= 1
    assert await _value(open_database, root, blobs) == shared
    assert kept.run_id


async def test_nothing_is_left_when_every_run_is_deleted(
    open_database: Database,
    principal: Principal,
    services: Services,
    blobs: MemoryBlobs,
    database: Scratch,
):
    for packed in (True, False):
        run, _ = await _recorded(open_database, principal, [secrets.token_hex(300)] * 3)
        if packed:
            await _packer(services, blobs).pack_run(run.run_id)
        await _delete(open_database, run)

    await _collector(services, blobs).collect()

    assert (
        database.sql(
            "select (select count(*) from block), (select count(*) from pack), "
            "(select count(*) from block_mark), (select sweep from project)"
        )
        == "0\t0\t0\tf"
    )


async def test_a_pack_with_few_living_blocks_is_rewritten(
    open_database: Database,
    principal: Principal,
    services: Services,
    blobs: MemoryBlobs,
    database: Scratch,
):
    value = [secrets.token_hex(300) for _ in range(100)]
    doomed, _ = await _recorded(open_database, principal, value)
    await _packer(services, blobs).pack_run(doomed.run_id)
    _, root = await _recorded(open_database, principal, value[0])
    await _delete(open_database, doomed)
    before = database.sql("select size from pack")

    collected = await _collector(services, blobs).collect()

    assert collected.packs == 1
    assert int(database.sql("select size from pack")) < int(before) / 2
    assert await _value(open_database, root, blobs) == value[0]


async def test_while_old_blocks_are_swept_a_writer_that_relies_on_one_is_told_to_send_it(
    open_database: Database, principal: Principal, services: Services, blobs: MemoryBlobs
):
    value = secrets.token_hex(300)
    doomed, root = await _recorded(open_database, principal, value)
    await _delete(open_database, doomed)
    collector = _collector(services, blobs)
    gen = await collector.begin()
    await collector.mark(gen)
    await collector.decide(gen)

    believing = await _send(open_database, principal, value, with_blocks=False)
    sending = await _send(open_database, principal, value, with_blocks=True)
    await collector.sweep(gen)
    await collector.end(gen)

    assert (len(believing.missing), sending.missing) == (1, ())
    assert await _value(open_database, root, blobs) == value


async def test_a_root_named_between_mark_and_decision_is_kept(
    open_database: Database, principal: Principal, services: Services, blobs: MemoryBlobs
):
    value = [secrets.token_hex(300) for _ in range(40)]
    doomed, root = await _recorded(open_database, principal, value)
    await _delete(open_database, doomed)
    collector = _collector(services, blobs)
    gen = await collector.begin()
    await collector.mark(gen)

    believing = await _send(open_database, principal, value, with_blocks=False)
    await collector.decide(gen)
    await collector.sweep(gen)
    await collector.end(gen)

    assert believing.missing == ()
    assert await _value(open_database, root, blobs) == value


async def test_a_collector_that_was_overtaken_deletes_nothing_more(
    open_database: Database, principal: Principal, services: Services, blobs: MemoryBlobs
):
    value = secrets.token_hex(300)
    _, root = await _recorded(open_database, principal, value)
    slow, quick = _collector(services, blobs), _collector(services, blobs)
    gen = await slow.begin()
    await slow.mark(gen)
    await slow.decide(gen)
    await quick.begin()

    with pytest.raises(CollectionOvertaken):
        await slow.sweep(gen)
    with pytest.raises(CollectionOvertaken):
        await slow.end(gen)

    assert await _value(open_database, root, blobs) == value


async def test_a_collector_killed_while_sweeping_is_made_good_by_the_next(
    open_database: Database,
    principal: Principal,
    services: Services,
    blobs: MemoryBlobs,
    database: Scratch,
):
    doomed, _ = await _recorded(open_database, principal, secrets.token_hex(300))
    _, root = await _recorded(open_database, principal, "kept " * 100)
    await _delete(open_database, doomed)
    killed = _collector(services, blobs)
    gen = await killed.begin()
    await killed.mark(gen)
    await killed.decide(gen)

    await _collector(services, blobs).collect()

    assert database.sql("select count(*) from block") == "1"
    assert await _value(open_database, root, blobs) == "kept " * 100


async def _recorded(
    database: Database, principal: Principal, value: object
) -> tuple[RecordedRun, bytes]:
    run = RecordedRun()
    await start_run(database, principal, run.start())
    ref = run.ref("output", value)
    result = await ingest(
        database,
        principal,
        events=[run.began("r#0", artifacts=(ref,))],
        blocks=run.take_blocks(),
        live=Silent(),
    )
    assert result.accepted == 1
    return run, digest_from_text(str(ref.root))


async def _send(
    database: Database, principal: Principal, value: object, *, with_blocks: bool
) -> IngestResult:
    run = RecordedRun()
    await start_run(database, principal, run.start())
    event = run.began("r#0", artifacts=(run.ref("output", value),))
    blocks = run.take_blocks() if with_blocks else []
    return await ingest(database, principal, events=[event], blocks=blocks, live=Silent())


async def _delete(database: Database, run: RecordedRun) -> None:
    async with database.transaction(1) as connection:
        assert await delete_runs(await driver(connection), 1, [run.run_id]) == 1


def _collector(services: Services, blobs: MemoryBlobs) -> Collector:
    return Collector(database=services.database, project_id=1, blobs=blobs, clock=time.time_ns)


def _packer(services: Services, blobs: MemoryBlobs) -> Packer:
    return Packer(database=services.database, project_id=1, blobs=blobs, clock=time.time_ns)


async def _value(database: Database, root: bytes, blobs: MemoryBlobs) -> object:
    async with database.reading(1) as connection:
        blocks = await load_closure(connection, 1, [root], blobs=blobs)
    return decode(root, lambda wanted: {digest: blocks[digest] for digest in wanted})
