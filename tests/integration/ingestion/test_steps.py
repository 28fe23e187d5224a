from __future__ import annotations

from forkpoint.events.kinds import Mode
from forkpoint.events.model import Gap, ReplayInfo
from forkpoint.events.wire import to_builtins
from forkpoint_server.db.engine import Database
from forkpoint_server.ingestion.batch import ingest
from forkpoint_server.ingestion.runs import start_run
from forkpoint_server.live.publish import Remembered
from forkpoint_server.security.principals import Principal
from recorded_runs import RecordedRun
from stack import Database as Scratch


async def test_a_step_has_its_number_depth_and_parent_whichever_batch_it_came_in(
    open_database: Database, principal: Principal, live: Remembered, database: Scratch
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    for event in (
        run.began("r#0", kind="agent", strand="r"),
        run.began("r#0.0", parent="r#0", strand="r"),
        run.began("r#0.0.0", parent="r#0.0", strand="r"),
    ):
        await ingest(open_database, principal, events=[event], blocks=[], live=live)

    assert _steps(database, run, "seq, depth, coalesce(parent_seq, -1), lane") == [
        ["0", "0", "-1", "0"],
        ["1", "1", "0", "1"],
        ["2", "2", "1", "2"],
    ]


async def test_an_end_closes_its_step_in_the_same_batch_or_in_a_later_one(
    open_database: Database, principal: Principal, live: Remembered, database: Scratch
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    usage = {"tokens_in": 10, "tokens_out": 2, "cost_micro_usd": 7, "model": "m-1"}
    both = [run.began("r#0", kind="model"), run.ended("r#0", **usage)]
    await ingest(open_database, principal, events=both, blocks=[], live=live)
    await ingest(
        open_database, principal, events=[run.began("r#1", kind="model")], blocks=[], live=live
    )
    failed = run.ended("r#1", status="error", error_class="Timeout", **usage)
    await ingest(open_database, principal, events=[failed], blocks=[], live=live)

    assert _steps(database, run, "seq, end_seq, status, error_class, model, tokens_in, flags") == [
        ["0", "1", "ok", "", "m-1", "10", "0"],
        ["2", "3", "error", "Timeout", "m-1", "10", "1"],
    ]
    assert _run(
        database, run, "step_count, error_count, tokens_in, tokens_out, cost_micro_usd, opening_seq"
    ) == ["2", "1", "20", "4", "14", "2"]


async def test_a_run_opens_at_its_first_divergence_before_its_first_error(
    open_database: Database, principal: Principal, live: Remembered, database: Scratch
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    split = ReplayInfo(session="s", mode=Mode.LIVE, divergence="input")
    events = [
        *run.steps(1),
        run.began("r#1"),
        run.ended("r#1", status="error"),
        run.began("r#2", replay=split),
        run.began("r#3", replay=split),
    ]

    await ingest(open_database, principal, events=events, blocks=[], live=live)

    assert _run(database, run, "opening_seq") == ["4"]
    assert _steps(database, run, "flags")[2] == [str(2 | 8 | 4 << 8)]


async def test_a_run_without_error_opens_at_its_last_step(
    open_database: Database, principal: Principal, live: Remembered, database: Scratch
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())

    await ingest(open_database, principal, events=run.steps(3), blocks=[], live=live)

    assert _run(database, run, "opening_seq") == ["4"]


async def test_parallel_strands_get_lanes_of_their_own_and_give_them_back(
    open_database: Database, principal: Principal, live: Remembered, database: Scratch
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    events = [
        *run.steps(1),
        run.began("r/1.a.0#0"),
        run.began("r/1.b.0#0"),
        run.ended("r/1.a.0#0"),
        run.ended("r/1.b.0#0"),
        run.began("r#1"),
        run.began("r/2.c.0#0"),
    ]

    for event in events:
        await ingest(open_database, principal, events=[event], blocks=[], live=live)

    assert [row[0] for row in _steps(database, run, "lane")] == ["0", "1", "2", "0", "1"]


async def test_a_gap_that_the_sender_admits_lets_the_later_events_follow(
    open_database: Database, principal: Principal, live: Remembered, database: Scratch
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    events = run.steps(3)
    gap = to_builtins(
        Gap(run_id=run.run_id, sequence_no=2, first=2, last=3, count=2, reason="full", time_ns=1)
    )

    result = await ingest(
        open_database, principal, events=[*events[:2], *events[4:], gap], blocks=[], live=live
    )
    late = await ingest(open_database, principal, events=[events[3]], blocks=[], live=live)

    assert (result.accepted, result.held, result.cursors) == (5, 0, {run.run_id: 4})
    assert _run(database, run, "gap_count, health") == ["2", "{incomplete}"]
    assert [each.code for each in late.rejected] == ["sequence_taken"]


async def test_a_start_that_comes_twice_under_other_numbers_is_one_step(
    open_database: Database, principal: Principal, live: Remembered, database: Scratch
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())

    await ingest(
        open_database, principal, events=[run.began("r#0"), run.began("r#0")], blocks=[], live=live
    )
    await ingest(open_database, principal, events=[run.began("r#0")], blocks=[], live=live)

    assert _run(database, run, "step_count, head") == ["1", "2"]


def _steps(database: Scratch, run: RecordedRun, columns: str) -> list[list[str]]:
    rows = database.sql(f"select {columns} from step where run_id = '{run.run_id}' order by seq")
    return [row.split("\t") for row in rows.splitlines()]


def _run(database: Scratch, run: RecordedRun, columns: str) -> list[str]:
    return database.sql(f"select {columns} from run where run_id = '{run.run_id}'").split("\t")
