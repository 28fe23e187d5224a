from __future__ import annotations

import hashlib
import secrets
import time

from forkpoint.content import BODY_BYTES, children, decode, digest_from_text
from forkpoint_server.artifacts.blob_rows import GRACE_NS, put_blob, sweep_blobs
from forkpoint_server.artifacts.loading import unpack
from forkpoint_server.artifacts.memory import MemoryBlobs
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


async def test_a_packed_run_reads_back_from_rows_and_from_the_blob_store(
    open_database: Database,
    principal: Principal,
    services: Services,
    blobs: MemoryBlobs,
    database: Scratch,
):
    # random text does not shrink, so its packs are large enough for the store
    value = [{"n": n, "text": secrets.token_hex(400)} for n in range(900)]
    run, root = await _recorded(open_database, principal, value)

    packed = await _packer(services, blobs).pack_run(run.run_id)

    in_rows, in_store, cleared = database.sql(
        "select count(body), count(s3_key), "
        "(select bool_and(body is null) from block where codec = 2) from pack"
    ).split("\t")
    assert (packed.packs, int(in_rows) + int(in_store), cleared) == (4, 4, "t")
    assert int(in_store) >= 3
    assert await _value(open_database, root, blobs) == value


async def test_packing_again_moves_nothing(
    open_database: Database, principal: Principal, services: Services, blobs: MemoryBlobs
):
    run, _ = await _recorded(open_database, principal, [secrets.token_hex(300) for _ in range(50)])
    first = await _packer(services, blobs).pack_run(run.run_id)

    again = await _packer(services, blobs).pack_run(run.run_id)

    assert first.blocks > 0
    assert (again.packs, again.blocks) == (0, 0)


async def test_a_run_that_grew_on_packed_blocks_packs_only_what_is_new(
    open_database: Database, principal: Principal, services: Services, blobs: MemoryBlobs
):
    value = [secrets.token_hex(300) for _ in range(200)]
    run, _ = await _recorded(open_database, principal, value)
    first = await _packer(services, blobs).pack_run(run.run_id)

    value.append(secrets.token_hex(300))
    longer, root = await _recorded(open_database, principal, value)
    second = await _packer(services, blobs).pack_run(longer.run_id)

    assert 0 < second.blocks < first.blocks / 10
    assert await _value(open_database, root, blobs) == value


async def test_a_packed_block_that_is_sent_again_stays_packed(
    open_database: Database,
    principal: Principal,
    services: Services,
    blobs: MemoryBlobs,
    database: Scratch,
):
    value = [secrets.token_hex(300) for _ in range(50)]
    run, root = await _recorded(open_database, principal, value)
    await _packer(services, blobs).pack_run(run.run_id)

    await _recorded(open_database, principal, value)

    assert await _value(open_database, root, blobs) == value
    assert database.sql("select count(*) from block where codec = 2 and body is not null") == "0"


async def test_a_blob_that_no_row_names_goes_after_its_grace_and_a_named_one_stays(
    open_database: Database,
    principal: Principal,
    services: Services,
    blobs: MemoryBlobs,
    database: Scratch,
):
    value = [{"n": n, "text": secrets.token_hex(400)} for n in range(300)]
    run, root = await _recorded(open_database, principal, value)
    await _packer(services, blobs).pack_run(run.run_id)
    orphan = secrets.token_bytes(100)
    digest = _sha256(orphan)
    now_ns = time.time_ns()
    await put_blob(services.database, blobs, digest, orphan, now_ns=now_ns)

    early = await sweep_blobs(services.database, blobs, now_ns=now_ns + GRACE_NS // 2)
    late = await sweep_blobs(services.database, blobs, now_ns=now_ns + GRACE_NS + 1)

    assert (early, late, await blobs.head(digest)) == (0, 1, None)
    assert await _value(open_database, root, blobs) == value


async def test_a_blob_that_was_swept_can_be_put_again(services: Services, blobs: MemoryBlobs):
    body = secrets.token_bytes(100)
    digest = _sha256(body)
    now_ns = time.time_ns()
    await put_blob(services.database, blobs, digest, body, now_ns=now_ns)
    await sweep_blobs(services.database, blobs, now_ns=now_ns + GRACE_NS + 1)

    await put_blob(services.database, blobs, digest, body, now_ns=now_ns + 2 * GRACE_NS)

    assert await blobs.read(digest) == body


async def test_a_damaged_block_fails_the_artifacts_that_need_it_and_nothing_else(
    open_database: Database,
    principal: Principal,
    services: Services,
    blobs: MemoryBlobs,
    database: Scratch,
):
    shared = [secrets.token_hex(300) for _ in range(60)]
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    refs = [run.ref("output", [*shared, n]) for n in range(70)]
    sound = run.ref("input.args", "of no relation " * 20)
    events = [run.began("r#0", artifacts=(sound,)), run.ended("r#0", artifacts=(refs[0],))]
    for n in range(1, 70):
        events += [run.began(f"r#{n}"), run.ended(f"r#{n}", artifacts=(refs[n],))]
    await ingest(open_database, principal, events=events, blocks=run.take_blocks(), live=Silent())
    below = children(run_block(database, digest_from_text(str(refs[0].root))))[0].hex()
    database.sql(f"update block set body = '\\x2278', codec = 0 where digest = '\\x{below}'")

    packed = await _packer(services, blobs).pack_run(run.run_id)

    states = database.sql(
        f"select role, state, reason, count(*) from artifact where run_id = '{run.run_id}' "
        "group by 1, 2, 3 order by 1"
    )
    assert states == "input.args\tclean\t\t1\noutput\tfailed\tcorrupt_block\t70"
    assert packed.failed == 70
    flags = f"select health, head from run where run_id = '{run.run_id}'"
    assert database.sql(flags) == "{artifact_failed}\t139"


async def _recorded(
    database: Database, principal: Principal, value: object
) -> tuple[RecordedRun, bytes]:
    run = RecordedRun()
    await start_run(database, principal, run.start())
    ref = run.ref("output", value)
    events = [run.began("r#0"), run.ended("r#0", artifacts=(ref,))]
    result = await ingest(
        database, principal, events=events, blocks=run.take_blocks(), live=Silent()
    )
    assert result.accepted == 2
    return run, digest_from_text(str(ref.root))


def _packer(services: Services, blobs: MemoryBlobs) -> Packer:
    return Packer(database=services.database, project_id=1, blobs=blobs, clock=time.time_ns)


async def _value(database: Database, root: bytes, blobs: MemoryBlobs) -> object:
    async with database.reading(1) as connection:
        blocks = await load_closure(connection, 1, [root], blobs=blobs, budget=64_000_000)
    return decode(root, lambda wanted: {digest: blocks[digest] for digest in wanted})


def run_block(database: Scratch, digest: bytes) -> bytes:
    """The body of a block as it lies in its row."""
    found = database.sql(
        f"select codec, encode(body, 'hex') from block where digest = '\\x{digest.hex()}'"
    )
    codec, body = found.split("\t")
    raw = bytes.fromhex(body)
    return unpack(raw, most=BODY_BYTES) if codec == "1" else raw


def _sha256(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
