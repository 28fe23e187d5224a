from __future__ import annotations

import pytest
from forkpoint.events.kinds import RunStatus
from forkpoint_server.db.engine import Database
from forkpoint_server.errors import BadRequest, Conflict, NotFound
from forkpoint_server.ingestion.batch import ingest
from forkpoint_server.ingestion.runs import finish_run, start_run
from forkpoint_server.live.publish import Remembered
from forkpoint_server.security.principals import Principal
from recorded_runs import RecordedRun
from stack import Database as Scratch


async def test_a_run_started_twice_is_created_once(open_database: Database, principal: Principal):
    run = RecordedRun()

    first = await start_run(open_database, principal, run.start())
    second = await start_run(open_database, principal, run.start())

    assert (first.created, second.created) == (True, False)


async def test_a_run_id_with_another_record_is_a_conflict(
    open_database: Database, principal: Principal
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())

    with pytest.raises(Conflict):
        await start_run(open_database, principal, run.start(name="another"))


async def test_a_run_id_of_another_project_is_taken_and_its_events_are_unknown(
    open_database: Database, principal: Principal, live: Remembered, database: Scratch
):
    database.sql("insert into project (project_id, name) values (2, 'two') on conflict do nothing")
    stranger = Principal(project_id=2, scopes=principal.scopes)
    run = RecordedRun()
    await start_run(open_database, principal, run.start())

    with pytest.raises(Conflict):
        await start_run(open_database, stranger, run.start())
    result = await ingest(open_database, stranger, events=run.steps(1), blocks=[], live=live)
    with pytest.raises(NotFound):
        await finish_run(open_database, stranger, run.end())

    assert [each.code for each in result.rejected] == ["unknown_run"] * 2


async def test_finishing_turns_missing_numbers_into_gaps_and_releases_what_waited(
    open_database: Database, principal: Principal, live: Remembered, database: Scratch
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    events = run.steps(3)
    await ingest(open_database, principal, events=[events[0], events[4]], blocks=[], live=live)

    await finish_run(open_database, principal, run.end(events={"0": 6, "1": 2}))

    rows = database.sql(
        "select seq, writer, sequence_no, event_type from event "
        f"where run_id = '{run.run_id}' order by seq"
    )
    assert [row.split("\t") for row in rows.splitlines()] == [
        ["0", "0", "0", "step_started"],
        ["1", "0", "1", "gap"],
        ["2", "0", "4", "step_started"],
        ["3", "0", "5", "gap"],
        ["4", "1", "0", "gap"],
    ]
    assert _run(database, run, "status, gap_count, health, head, finished") == [
        "ok", "6", "{incomplete}", "4", "t",
    ]  # fmt: skip
    assert database.sql(f"select count(*) from held_event where run_id = '{run.run_id}'") == "0"


async def test_finishing_twice_changes_nothing_and_another_record_is_a_conflict(
    open_database: Database, principal: Principal
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    end = run.end()

    first = await finish_run(open_database, principal, end)
    second = await finish_run(open_database, principal, end)

    assert (first.changed, second.changed) == (True, False)
    with pytest.raises(Conflict):
        await finish_run(open_database, principal, end | {"error_class": "Other"})


async def test_nothing_can_be_added_to_a_finished_run_but_repetitions_are_duplicates(
    open_database: Database, principal: Principal, live: Remembered
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())
    events = run.steps(1)
    await ingest(open_database, principal, events=events, blocks=[], live=live)
    await finish_run(open_database, principal, run.end(events={"0": 2}))

    result = await ingest(
        open_database, principal, events=[*events, run.began("r#9")], blocks=[], live=live
    )

    assert (result.duplicates, [each.code for each in result.rejected]) == (2, ["run_finished"])


async def test_finishing_queues_its_job_in_the_same_transaction(
    open_database: Database, principal: Principal, database: Scratch
):
    run = RecordedRun()
    await start_run(open_database, principal, run.start())

    await finish_run(open_database, principal, run.end(RunStatus.ERROR, error_class="KeyError"))

    assert database.sql(f"select kind from job where run_id = '{run.run_id}'") == "finish_run"
    assert _run(database, run, "status, error_class") == ["error", "KeyError"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "running"}, "schema_invalid"),
        ({"events": {"x": 1}}, "schema_invalid"),
        ({"run_id": "r1"}, "id_invalid"),
        ({"v": 2}, "version_unknown"),
        ({"artifacts": [{"role": "output", "root": "x"}]}, "root_invalid"),
        ({"artifacts": [{"role": "output"}]}, "root_invalid"),
    ],
)
async def test_a_malformed_end_is_refused_with_a_code(
    open_database: Database, principal: Principal, change: dict[str, object], code: str
):
    with pytest.raises(BadRequest) as refused:
        await finish_run(open_database, principal, RecordedRun().end(**change))

    assert refused.value.code == code


def _run(database: Scratch, run: RecordedRun, columns: str) -> list[str]:
    return database.sql(f"select {columns} from run where run_id = '{run.run_id}'").split("\t")
