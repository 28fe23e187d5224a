from __future__ import annotations

import time
from dataclasses import replace

import pytest
from forkpoint.events.kinds import RunStatus
from forkpoint_server.db.engine import Database, driver
from forkpoint_server.ingestion.batch import ingest
from forkpoint_server.ingestion.runs import finish_run, start_run
from forkpoint_server.jobs.enqueue import enqueue
from forkpoint_server.jobs.names import JobKind
from forkpoint_server.live.publish import Remembered
from forkpoint_server.security.principals import Principal
from forkpoint_worker.handlers.runs import BUSY_NS, IDLE_NS
from forkpoint_worker.loop import Worker
from forkpoint_worker.work import Services
from recorded_runs import RecordedRun
from stack import Database as Scratch


@pytest.fixture(autouse=True)
def no_jobs(database: Scratch) -> None:
    database.sql("delete from job")


async def test_steps_that_a_finished_run_left_open_are_interrupted(
    open_database: Database,
    principal: Principal,
    live: Remembered,
    worker: Worker,
    database: Scratch,
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    events = [*run.steps(1), run.began("r#1")]
    await ingest(open_database, principal, events=events, blocks=[], live=live)
    await finish_run(open_database, principal, run.end(RunStatus.ERROR))

    await worker.work_off()

    assert _steps(database, run) == [["ok", "0"], ["interrupted", "0"]]
    assert database.sql(f"select revision from run where run_id = '{run.run_id}'") == "1"
    assert live.messages[-1] == (run.run_id, 2, 2)


async def test_a_parent_that_came_after_its_child_is_named_when_the_run_finishes(
    open_database: Database,
    principal: Principal,
    live: Remembered,
    worker: Worker,
    database: Scratch,
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    child = run.began("r#0.0", parent="r#0", writer=1)
    child["parent_id"] = run.step("r#0")
    await ingest(open_database, principal, events=[child], blocks=[], live=live)
    await ingest(open_database, principal, events=[run.began("r#0")], blocks=[], live=live)
    await finish_run(open_database, principal, run.end())

    await worker.work_off()

    rows = database.sql(
        f"select seq, parent_seq, depth from step where run_id = '{run.run_id}' order by seq"
    )
    assert rows.splitlines() == ["0\t1\t1", "1\t\t0"]


async def test_events_that_waited_long_enough_are_released_behind_a_gap(
    open_database: Database,
    principal: Principal,
    live: Remembered,
    services: Services,
    database: Scratch,
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    events = run.steps(2)
    await ingest(open_database, principal, events=events[2:], blocks=[], live=live)
    database.sql("update job set run_at = now()")
    later = replace(services, clock=lambda: time.time_ns() + 31 * 10**9)

    await Worker(later, owner="test").work_off()

    rows = database.sql(
        f"select event_type, sequence_no from event where run_id = '{run.run_id}' order by seq"
    )
    assert rows.splitlines() == ["gap\t0", "step_started\t2", "step_ended\t3"]
    assert database.sql(f"select gap_count from run where run_id = '{run.run_id}'") == "2"
    assert live.messages[-1] == (run.run_id, 0, 2)


async def test_events_that_wait_for_a_moment_only_go_on_waiting(
    open_database: Database,
    principal: Principal,
    live: Remembered,
    worker: Worker,
    database: Scratch,
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    await ingest(open_database, principal, events=run.steps(2)[2:], blocks=[], live=live)
    database.sql("update job set run_at = now()")

    await worker.work_off()

    where = f"where run_id = '{run.run_id}'"
    assert database.sql(f"select count(*) from held_event {where}") == "2"
    assert database.sql(f"select count(*) from job {where} and state = 'queued'") == "1"


async def test_a_silent_run_is_interrupted_and_goes_on_when_its_writer_is_back(
    open_database: Database,
    principal: Principal,
    live: Remembered,
    services: Services,
    database: Scratch,
):
    run, lively = RecordedRun(), RecordedRun()
    await start_run(open_database, principal, run.start())
    await ingest(open_database, principal, events=[run.began("r#0")], blocks=[], live=live)
    much_later = time.time_ns() + BUSY_NS + 1
    await start_run(open_database, principal, lively.start(), clock=lambda: much_later)
    await _queue_watch(services.database)

    await Worker(replace(services, clock=lambda: much_later), owner="test").work_off()
    silent = _status(database, run), _steps(database, run)
    await ingest(open_database, principal, events=[run.ended("r#0")], blocks=[], live=live)

    assert silent == ("interrupted", [["interrupted", "0"]])
    assert _status(database, lively) == "running"
    assert (_status(database, run), _steps(database, run)) == ("running", [["ok", "0"]])


async def test_a_minute_of_silence_is_too_long_only_where_nothing_goes_on(
    open_database: Database,
    principal: Principal,
    live: Remembered,
    services: Services,
    database: Scratch,
):
    idle, busy = RecordedRun(), RecordedRun()
    for run, events in ((idle, idle.steps(1)), (busy, [busy.began("r#0")])):
        await start_run(open_database, principal, run.start())
        await ingest(open_database, principal, events=events, blocks=[], live=live)
    await _queue_watch(services.database)
    in_a_minute = time.time_ns() + IDLE_NS + 1

    await Worker(replace(services, clock=lambda: in_a_minute), owner="test").work_off()

    assert (_status(database, idle), _status(database, busy)) == ("interrupted", "running")


async def _queue_watch(database: Database) -> None:
    async with database.transaction(1) as connection:
        await enqueue(await driver(connection), 1, JobKind.WATCH_RUNS, dedupe_key="test")


def _steps(database: Scratch, run: RecordedRun) -> list[list[str]]:
    rows = database.sql(
        f"select status, flags from step where run_id = '{run.run_id}' order by seq"
    )
    return [row.split("\t") for row in rows.splitlines()]


def _status(database: Scratch, run: RecordedRun) -> str:
    return database.sql(f"select status from run where run_id = '{run.run_id}'")
