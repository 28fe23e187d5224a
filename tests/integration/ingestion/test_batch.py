from __future__ import annotations

from forkpoint_server.db.engine import Database
from forkpoint_server.ingestion.batch import IngestResult, ingest
from forkpoint_server.ingestion.runs import start_run
from forkpoint_server.live.publish import Remembered
from forkpoint_server.security.principals import Principal
from recorded_runs import RecordedRun
from stack import Database as Scratch


async def test_an_accepted_batch_gives_seq_without_holes_and_says_the_cursor(
    open_database: Database, principal: Principal, live: Remembered, database: Scratch
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())

    result = await ingest(open_database, principal, events=run.steps(3), blocks=[], live=live)

    assert result == IngestResult(accepted=6, cursors={run.run_id: 5})
    assert live.messages == [(run.run_id, 0, 5)]
    assert _seqs(database, run) == [0, 1, 2, 3, 4, 5]


async def test_a_repeated_batch_is_all_duplicates_with_the_same_cursor(
    open_database: Database, principal: Principal, live: Remembered, database: Scratch
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    events = run.steps(2)
    await ingest(open_database, principal, events=events, blocks=[], live=live)

    again = await ingest(open_database, principal, events=events, blocks=[], live=live)

    assert again == IngestResult(duplicates=4, cursors={run.run_id: 3})
    assert _seqs(database, run) == [0, 1, 2, 3]


async def test_the_same_id_with_other_content_is_a_conflict_and_the_first_stays(
    open_database: Database, principal: Principal, live: Remembered, database: Scratch
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    first = run.began("r#0")
    await ingest(open_database, principal, events=[first], blocks=[], live=live)

    other = {**first, "name": "another"}
    result = await ingest(open_database, principal, events=[other], blocks=[], live=live)

    assert [each.code for each in result.rejected] == ["conflict"]
    assert database.sql(f"select name from step where run_id = '{run.run_id}'") == "search"


async def test_events_out_of_order_wait_and_are_released_in_order(
    open_database: Database, principal: Principal, live: Remembered, database: Scratch
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    events = run.steps(2)

    late = await ingest(open_database, principal, events=events[1:], blocks=[], live=live)
    repeated = await ingest(open_database, principal, events=events[2:], blocks=[], live=live)
    whole = await ingest(open_database, principal, events=events[:1], blocks=[], live=live)

    assert (late.held, late.accepted, late.cursors) == (3, 0, {run.run_id: -1})
    assert repeated.duplicates == 2
    assert (whole.accepted, whole.cursors) == (1, {run.run_id: 3})
    rows = database.sql(f"select sequence_no from event where run_id = '{run.run_id}' order by seq")
    assert rows.split() == ["0", "1", "2", "3"]
    assert database.sql("select count(*) from held_event") == "0"


async def test_a_bad_event_fails_alone(
    open_database: Database, principal: Principal, live: Remembered
):
    run, stranger = RecordedRun(), RecordedRun()
    await start_run(open_database, principal, run.start())
    good = run.began("r#0")
    bad = {**run.began("r#1"), "kind": "wizard"}

    result = await ingest(
        open_database, principal, events=[good, bad, 7, stranger.began("r#0")], blocks=[], live=live
    )

    assert result.accepted == 1
    assert [(each.index, each.code) for each in result.rejected] == [
        (1, "unknown_kind"),
        (2, "schema_invalid"),
        (3, "unknown_run"),
    ]


async def test_events_of_many_runs_in_one_batch_each_get_their_own_order(
    open_database: Database, principal: Principal, live: Remembered
):
    runs = [RecordedRun() for _ in range(3)]
    for run in runs:
        await start_run(open_database, principal, run.start())
    mixed = [event for trio in zip(*(run.steps(2) for run in runs), strict=True) for event in trio]

    result = await ingest(open_database, principal, events=mixed, blocks=[], live=live)

    assert result.accepted == 12
    assert result.cursors == {run.run_id: 3 for run in runs}


def _seqs(database: Scratch, run: RecordedRun) -> list[int]:
    rows = database.sql(f"select seq from event where run_id = '{run.run_id}' order by seq")
    return [int(row) for row in rows.split()]
