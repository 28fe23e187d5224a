"""Forks say whether their recording, replayed without edits, is known to be identical."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from conversations import Talk
from forkpoint_server.diff.columns import load_columns
from forkpoint_server.diff.replayed import replays_of
from forkpoint_server.replay.baselines import code_of
from forkpoint_server.replay.plans import Asked
from forkpoint_server.replay.words import Executor
from stack import Database as Scratch
from working import Bench, bench

EDIT = {"kind": "output", "key": "r#1", "value": {"order": 0}}


async def forked(tools: Bench, run_id: str) -> tuple[list[str], list[str]]:
    """Notes of the plan, and soft findings of the result, of a fork by a worker."""
    session_id = (await tools.ask(Asked(run_id=run_id, edits=[EDIT], executor=Executor.GRAPH)))[0]
    await tools.worker.work_off()
    session = await tools.session(session_id)
    plan: Any = session.plan["plan"]
    report: Any = session.report
    return list(plan["notes"]), [each["code"] for each in report["soft"]]


async def said_in_a_diff(tools: Bench, database: Scratch) -> list[dict[str, Any]]:
    """What a comparison with the newest fork says of it."""
    newest = "select new_run_id from replay_session order by created_ns desc limit 1"
    async with tools.database.reading(1) as connection:
        columns = await load_columns(connection, 1, UUID(database.sql(newest)))
        return await replays_of(connection, 1, {"b": columns}, blobs=tools.blobs)


async def test_a_worker_proves_a_recording_before_it_forks_it_and_remembers(
    fresh_database: Scratch,
):
    async with bench(fresh_database) as tools:
        run_id = await tools.store(Talk(turns=3).imported())
        first, again = await forked(tools, run_id), await forked(tools, run_id)

    assert first == (["baseline_unproven"], ["downstream not re-executed"])
    assert again == ([], ["downstream not re-executed"])


async def test_a_recording_that_grew_is_proven_anew(fresh_database: Scratch):
    async with bench(fresh_database) as tools:
        run_id = await tools.store(Talk(turns=3).imported())
        await forked(tools, run_id)
        fresh_database.sql("update baseline set head = head - 1")
        notes, _ = await forked(tools, run_id)

    assert notes == ["baseline_unproven"]


async def test_a_recording_that_contradicts_itself_is_no_baseline(fresh_database: Scratch):
    async with bench(fresh_database) as tools:
        run_id = await tools.store(Talk(turns=3).imported())
        fresh_database.sql(
            "update event set body = convert_to(regexp_replace(convert_from(body, 'utf8'),"
            " '\"signature\":\"[^\"]*\"', '\"signature\":\"' || repeat('A', 43) || '\"'), 'utf8')"
            " where seq = (select min(seq) from event where event_type = 'step_started')"
        )
        _, soft = await forked(tools, run_id)
        [said] = await said_in_a_diff(tools, fresh_database)

    assert soft == said["soft"] == ["downstream not re-executed", "baseline_unproven"]
    assert (said["side"], said["edits"]) == ("b", [{"kind": "output", "key": "r#1"}])


async def test_a_verified_recording_is_a_baseline(fresh_database: Scratch):
    async with bench(fresh_database) as tools:
        run_id = await tools.store(Talk(turns=3).imported())
        await tools.ask(Asked(run_id=run_id))
        await tools.worker.work_off()
        notes, _ = await forked(tools, run_id)

    assert notes == []


def test_code_is_known_by_its_commit_and_never_while_it_is_dirty():
    facts = {"commit": "a1", "lockDigest": "b", "python": "3.11", "codecs": ["content/1"]}

    known = code_of(facts, "main", {"x": 1})
    others = [
        code_of({**facts, "commit": "a2"}, "main", {"x": 1}),
        code_of({**facts, "lockDigest": "c"}, "main", {"x": 1}),
        code_of(facts, "other", {"x": 1}),
        code_of(facts, "main", {"x": 2}),
    ]

    assert known is not None
    assert known not in others
    assert len(set(others)) == 4
    assert code_of({**facts, "dirty": True}, "main", {"x": 1}) is None
    assert code_of({}, "main", None) is None
