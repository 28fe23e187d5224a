"""Loops continued by a worker: live over HTTP in three provider shapes, stopped, resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conversations import FAMILIES, Talk, final_of, reply_of
from forkpoint.capture.assembly import redactor_of
from forkpoint.events.kinds import Verdict
from forkpoint.settings import Settings
from forkpoint_server.errors import BadRequest
from forkpoint_server.replay.plans import Asked
from forkpoint_server.replay.words import Executor, SessionState
from forkpoint_worker.loop import Worker
from modelstub import model_stub
from recorded import recorded
from replaying import session_of, start
from serving import Service
from stack import Database as Scratch
from working import Bench, bench

PATHS = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
}
PROVIDERS = {"chat": "openai", "responses": "openai", "messages": "anthropic"}
POLICY = {
    "policy": "forkpoint.policy/1",
    "default": {"mode": "cached"},
    "rules": [{"match": {"kind": "model"}, "mode": "cached", "on_miss": ["live"]}],
    "allow_live": {"hosts": ["127.0.0.1"]},
    "budgets": {"calls": 9, "tokens": 9_000, "cost_usd": 1, "wall_s": 60},
}


@pytest.fixture
def redactor(tmp_path: Path) -> Any:
    return redactor_of(Settings(data=tmp_path))


async def fork(tools: Bench, run_id: str, **asked: Any) -> str:
    given = {"executor": Executor.LOOP, "policy": POLICY, **asked}
    return (await tools.ask(Asked(run_id=run_id, **given)))[0]


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_stopped_loop_is_resumed_with_the_output_it_needs(
    fresh_database: Scratch, redactor: Any, family: str
):
    other = {"usage": {"input_tokens": 7, "output_tokens": 3}}
    answers = [(200, reply_of(family, "n", {"order": 99})), (200, final_of(family) | other)]
    async with (
        model_stub(answers) as stub,
        bench(
            fresh_database, redactor=redactor, providers=(stub.provider(PROVIDERS[family]),)
        ) as tools,
    ):
        run_id = await tools.store(Talk(family=family, turns=3).imported())
        first = {"kind": "output", "key": "r#1", "value": {"order": 0, "total": 1}}
        stopped_id = await fork(tools, run_id, edits=[first])
        await tools.worker.work_off()
        stopped = await tools.session(stopped_id)
        partial = await tools.read(stopped.new_run_id)
        asked_before = len(stub.asked)
        answer = {"kind": "output", "value": {"order": 99, "total": 2}}
        resumed_id = (
            await tools.ask(
                Asked(
                    run_id=stopped.new_run_id,
                    cut={"key": "r#3"},
                    edits=[answer],
                    resumes=stopped_id,
                )
            )
        )[0]
        await tools.worker.work_off()
        resumed = await tools.session(resumed_id)
        run = await tools.read(resumed.new_run_id)

    assert (stopped.state, stopped.reason) == (SessionState.STOPPED, "needs_tool_output")
    failed: Any = stopped.failed_step
    needed = partial.recording.started[partial.recording.by_key["r#3"]]
    assert (failed["key"], failed["sequence"]) == ("r#3", partial.recording.seqs[3])
    assert needed.name == "refund"
    assert (resumed.state, resumed.verdict) == (SessionState.FINISHED, Verdict.FORKED)
    assert [step.key for step in run.recording.started] == ["r#0", "r#1", "r#2", "r#3", "r#4"]
    assert (asked_before, len(stub.asked)) == (1, 2)
    path, headers, body = stub.asked[1]
    assert path == PATHS[family]
    assert '"total":2' in str(body).replace("\\", "")
    assert headers.get("x-api-key" if family == "messages" else "authorization")
    assert resumed.spend == {"calls": 2, "tokens": 10, "cost": 0}
    assert resumed.run_id == run_id


async def test_unedited_a_fork_of_a_loop_has_the_recorded_roots(fresh_database: Scratch):
    async with bench(fresh_database) as tools:
        run_id = await tools.store(Talk(turns=4).imported())
        session_id = await fork(tools, run_id, cut={"key": "r#2"}, policy=None)
        await tools.worker.work_off()
        session = await tools.session(session_id)
        old, new = await tools.read(run_id), await tools.read(session.new_run_id)

    assert session.verdict is Verdict.FORKED
    assert [old.recording.parts(n) for n in range(7)] == [new.recording.parts(n) for n in range(7)]
    assert session.report is not None
    soft = [each["code"] for each in session.report["soft"]]  # type: ignore[union-attr]
    assert "assumes standard loop" in soft


async def test_a_provider_that_fails_leaves_everything_before_it(
    fresh_database: Scratch, redactor: Any
):
    async with (
        model_stub([(500, {"error": "down"})]) as stub,
        bench(fresh_database, redactor=redactor, providers=(stub.provider(),)) as tools,
    ):
        run_id = await tools.store(Talk(turns=3).imported())
        edit = {"kind": "output", "key": "r#1", "value": {"order": 0}}
        session_id = await fork(tools, run_id, edits=[edit])
        await tools.worker.work_off()
        session = await tools.session(session_id)
        run = await tools.read(session.new_run_id)

    assert session.verdict is Verdict.FORKED
    assert [step.key for step in run.recording.started] == ["r#0", "r#1", "r#2"]
    assert run.end is not None
    assert run.end.status == "error"


async def test_without_a_provider_the_loop_stops_where_the_model_is_asked(
    fresh_database: Scratch, redactor: Any
):
    async with bench(fresh_database, redactor=redactor) as tools:
        run_id = await tools.store(Talk(turns=3).imported())
        edit = {"kind": "output", "key": "r#1", "value": {"order": 0}}
        session_id = await fork(tools, run_id, edits=[edit])
        await tools.worker.work_off()
        session = await tools.session(session_id)
        run = await tools.read(session.new_run_id)

    assert (session.state, session.reason) == (SessionState.STOPPED, "live_refused")
    assert [step.key for step in run.recording.started] == ["r#0", "r#1", "r#2"]


async def test_only_a_session_of_the_same_run_that_is_over_is_resumed(fresh_database: Scratch):
    async with bench(fresh_database) as tools:
        run_id = await tools.store(Talk(turns=3).imported())
        open_id = await fork(tools, run_id, cut={"key": "r#2"})

        with pytest.raises(BadRequest) as refused:
            await fork(tools, run_id, resumes=open_id)

    assert refused.value.details["field"] == "resumes"


async def test_through_the_api_a_session_is_resumed_at_the_step_it_names(
    service: Service, worker: Worker, database: Scratch
):
    async with bench(database) as tools:
        run_id = await tools.store(Talk(turns=3, run=recorded(steps=1).run_id).imported())
    reply = reply_of("chat", "n", {"order": 99})
    edits = [{"kind": "output", "key": "r#2", "value": reply}]
    asked = await start(service, run_id, executor="LOOP", edits=edits)
    await worker.work_off()
    stopped = await session_of(service, asked["sessions"][0]["id"])

    again = await start(
        service,
        stopped["newRunId"],
        resumes=stopped["id"],
        cut={"sequence": stopped["failedStep"]["sequence"]},
        edits=[{"kind": "output", "key": "r#3", "value": {"found": "it"}}],
    )
    await worker.work_off()
    resumed = await session_of(service, again["sessions"][0]["id"])

    assert (stopped["reason"], stopped["failedStep"]["key"]) == ("needs_tool_output", "r#3")
    assert (again["plan"]["executor"], resumed["runId"]) == ("LOOP", run_id)
    assert (resumed["reason"], resumed["failedStep"]["key"]) == ("no_answer", "r#4")
