from __future__ import annotations

import pytest
from forkpoint_server.artifacts.retention import DAY_NS, Doomed, Rules, delete_runs, plan
from forkpoint_server.db.engine import Database, driver
from forkpoint_server.ingestion.batch import ingest
from forkpoint_server.ingestion.runs import finish_run, start_run
from forkpoint_server.jobs.enqueue import enqueue
from forkpoint_server.jobs.names import JobKind
from forkpoint_server.live.publish import Silent
from forkpoint_server.security.principals import Principal
from forkpoint_worker.loop import Worker
from recorded_runs import START_NS, RecordedRun
from stack import Database as Scratch


@pytest.fixture(autouse=True)
def empty(database: Scratch) -> None:
    database.sql("truncate run, event, step, artifact, block, pack, block_mark, job, held_event")
    database.sql("update project set settings = '{}'")


@pytest.mark.parametrize(
    ("rules", "gone"),
    [
        (Rules(), []),
        (Rules(max_age_days=2.5), [("0", "age"), ("1", "age")]),
        (Rules(max_runs=3), [("0", "count"), ("1", "count")]),
        (Rules(max_bytes=2_500), [("0", "bytes"), ("1", "bytes"), ("2", "bytes")]),
        (Rules(max_run_bytes=999), [(str(n), "run_bytes") for n in range(5)]),
        (Rules(max_age_days=3.5, max_runs=3), [("0", "age"), ("1", "count")]),
    ],
)
async def test_the_plan_names_the_oldest_runs_that_break_a_rule_and_deletes_nothing(
    open_database: Database,
    principal: Principal,
    database: Scratch,
    rules: Rules,
    gone: list[tuple[str, str]],
):
    await _five_days(open_database, principal, database)

    planned = await _plan(open_database, rules)

    assert [(each.name, each.reason) for each in planned] == gone
    assert database.sql("select count(*) from run") == "5"


async def test_a_run_that_still_records_is_kept(
    open_database: Database, principal: Principal, database: Scratch
):
    await _five_days(open_database, principal, database)
    database.sql("update run set status = 'running', finished = false where name = '0'")

    planned = await _plan(open_database, Rules(max_runs=1))

    assert [each.name for each in planned] == ["1", "2", "3"]


async def test_a_deleted_run_leaves_no_row(
    open_database: Database, principal: Principal, database: Scratch
):
    run = await _one(open_database, principal, name="x", started_ns=START_NS)

    async with open_database.transaction(1) as connection:
        assert await delete_runs(await driver(connection), 1, [run.run_id]) == 1

    counts = [database.sql(f"select count(*) from {t}") for t in ("run", "event", "step")]
    assert counts == ["0", "0", "0"]


async def test_runs_of_another_project_are_not_deleted(
    open_database: Database, principal: Principal, database: Scratch
):
    run = await _one(open_database, principal, name="x", started_ns=START_NS)

    async with open_database.transaction(2) as connection:
        assert await delete_runs(await driver(connection), 2, [run.run_id]) == 0

    assert database.sql("select count(*) from event") == "2"


async def test_the_retention_job_follows_the_settings_and_collects(
    open_database: Database, principal: Principal, worker: Worker, database: Scratch
):
    await _five_days(open_database, principal, database)
    named = await _one(open_database, principal, name="named", started_ns=START_NS + 9 * DAY_NS)
    database.sql("""update project set settings = '{"retention": {"max_runs": 2}}'""")
    async with open_database.transaction(1) as connection:
        raw = await driver(connection)
        await raw.execute("delete from job")
        await enqueue(raw, 1, JobKind.RETAIN, dedupe_key="test", args={"run_ids": [named.run_id]})

    await worker.work_off()

    assert database.sql("select name from run order by name").split() == ["3", "4"]
    assert database.sql("select state from job") == "done"
    assert database.sql("select gen > 1 and not sweep from project") == "t"
    told = database.sql("select actor, reason, facts::json->>'count' from audit order by seq")
    assert told.splitlines() == ["worker\tasked\t1", "worker\tretention\t3"]


async def _five_days(database: Database, principal: Principal, scratch: Scratch) -> None:
    for day in range(5):
        await _one(database, principal, name=str(day), started_ns=START_NS + day * DAY_NS)
    scratch.sql("update run set stored_bytes = 1000")


async def _one(
    database: Database, principal: Principal, *, name: str, started_ns: int
) -> RecordedRun:
    run = RecordedRun(name=name)
    await start_run(database, principal, run.start(started_ns=started_ns))
    await ingest(database, principal, events=run.steps(1), blocks=[], live=Silent())
    await finish_run(database, principal, run.end())
    return run


async def _plan(database: Database, rules: Rules) -> list[Doomed]:
    async with database.reading(1) as connection:
        raw = await driver(connection)
        return await plan(raw, 1, rules, now_ns=START_NS + 4 * DAY_NS)
