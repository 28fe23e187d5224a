from __future__ import annotations

import pytest
from forkpoint.content import digest_text, encode
from forkpoint_server.db.engine import Database
from forkpoint_server.errors import BadRequest
from forkpoint_server.ingestion.batch import ingest
from forkpoint_server.ingestion.runs import finish_run, start_run
from forkpoint_server.live.publish import Remembered
from forkpoint_server.security.principals import Principal
from recorded_runs import RecordedRun
from stack import Database as Scratch

LONG = [{"role": "user", "content": f"message {n} " * 40} for n in range(30)]


async def test_a_batch_that_lacks_a_block_stores_nothing_and_names_it(
    open_database: Database, principal: Principal, live: Remembered, database: Scratch
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    events = [run.began("r#0", artifacts=(run.ref("input.args", LONG),))]
    blocks = run.take_blocks()

    lacking = await ingest(open_database, principal, events=events, blocks=blocks[1:], live=live)
    stored = database.sql(f"select count(*) from event where run_id = '{run.run_id}'")
    whole = await ingest(open_database, principal, events=events, blocks=blocks, live=live)

    assert lacking.missing == (digest_text(_digest(blocks[0])),)
    assert (lacking.accepted, stored, live.messages) == (0, "0", [(run.run_id, 0, 0)])
    assert (whole.accepted, whole.missing) == (1, ())


async def test_a_root_that_was_never_stored_is_missing(
    open_database: Database, principal: Principal, live: Remembered
):
    run = RecordedRun()
    start = await start_run(open_database, principal, run.start())
    event = run.began("r#0", artifacts=(run.ref("output", "nobody sent this"),))

    result = await ingest(open_database, principal, events=[event], blocks=[], live=live)

    assert (start.missing, len(result.missing)) == ((), 1)


async def test_blocks_of_an_earlier_batch_need_not_be_sent_again(
    open_database: Database, principal: Principal, live: Remembered, database: Scratch
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    first = run.began("r#0", artifacts=(run.ref("input.args", LONG),))
    await ingest(open_database, principal, events=[first], blocks=run.take_blocks(), live=live)

    again = run.ended("r#0", artifacts=(run.ref("output", LONG),))
    result = await ingest(open_database, principal, events=[again], blocks=[], live=live)

    assert (result.accepted, result.missing) == (1, ())
    assert database.sql(
        f"select role, state from artifact where run_id = '{run.run_id}' order by role"
    ).split() == ["input.args", "clean", "output", "clean"]


@pytest.mark.parametrize(
    ("block", "code"),
    [
        ('"' + "x" * 2_000_000 + '"', "block_too_large"),
        ('{"b": 1}', "block_invalid"),
        ('{"b":1,"a":2}', "block_invalid"),
        ("no json", "block_invalid"),
        ("\ud800", "block_invalid"),
        (7, "block_invalid"),
        (None, "block_invalid"),
        ({"a": 1}, "block_invalid"),
    ],
)
async def test_a_block_that_is_none_refuses_the_batch(
    open_database: Database, principal: Principal, live: Remembered, block: object, code: str
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())

    with pytest.raises(BadRequest) as refused:
        await ingest(
            open_database, principal, events=run.steps(1), blocks=['"fine"', block], live=live
        )

    assert (refused.value.code, refused.value.details["field"]) == (code, "blocks[1]")


async def test_payload_redacted_by_unknown_rules_is_at_risk(
    open_database: Database, principal: Principal, live: Remembered, database: Scratch
):
    run = RecordedRun(ruleset_id=None)
    await start_run(open_database, principal, run.start())
    event = run.began("r#0", artifacts=(run.ref("input.args", "text"),))

    await ingest(open_database, principal, events=[event], blocks=run.take_blocks(), live=live)

    where = f"where run_id = '{run.run_id}'"
    assert database.sql(f"select state, reason from artifact {where}").split("\t") == [
        "at_risk",
        "unknown_ruleset",
    ]
    assert database.sql(f"select health from run {where}") == "{privacy_risk}"


async def test_a_withheld_payload_keeps_its_reason_and_no_root(
    open_database: Database, principal: Principal, live: Remembered, database: Scratch
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    refs = ({"role": "input.args", "state": "withheld", "reason": "too_large", "size": 9},)
    event = {**run.began("r#0"), "artifacts": list(refs)}

    result = await ingest(open_database, principal, events=[event], blocks=[], live=live)

    row = database.sql(
        f"select state, reason, root is null, size from artifact where run_id = '{run.run_id}'"
    )
    assert (result.accepted, row.split("\t")) == (1, ["withheld", "too_large", "t", "9"])


async def test_run_records_carry_their_own_payload(
    open_database: Database, principal: Principal, database: Scratch
):
    run = RecordedRun()
    ref = run.ref("input.question", "why?")
    shown = [{"role": ref.role, "root": ref.root, "size": ref.size}]
    lacking = await start_run(open_database, principal, run.start(artifacts=shown))
    await start_run(open_database, principal, run.start(artifacts=shown), run.take_blocks())
    answer = run.ref("output", "because")
    shown = [{"role": answer.role, "root": answer.root, "size": answer.size}]

    ended = await finish_run(open_database, principal, run.end(artifacts=shown), run.take_blocks())

    assert (lacking.created, len(lacking.missing), ended.changed) == (False, 1, True)
    assert database.sql(
        f"select role from artifact where run_id = '{run.run_id}' order by role"
    ).split() == ["input.question", "output"]


def _digest(body: str) -> bytes:
    found: list[bytes] = []
    encode(LONG, lambda digest, each: found.append(digest) if each.decode() == body else None)
    return found[0]
