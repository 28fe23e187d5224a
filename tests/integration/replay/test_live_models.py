"""Models asked by a worker: as configured, as allowed, once, and masked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from forkpoint.capture.assembly import redactor_of
from forkpoint.events.kinds import Kind, Mode, Verdict
from forkpoint.settings import Settings
from forkpoint_cli.importers.agentdojo import import_log
from forkpoint_cli.importers.tape import Importer
from forkpoint_server.replay.plans import Asked
from forkpoint_server.replay.words import Executor, SessionState
from modelstub import model_stub
from recorded_runs import RULESET
from stack import Database as Scratch
from working import Bench, bench

LOG = (
    Path(__file__).parents[3]
    / "examples/agentdojo/runs/gpt-4o-mini-2024-07-18-progent/banking/user_task_0/none/none.json"
)
IMPORTER = Importer(name="test", redact=lambda value: value, ruleset_id=RULESET)
FIRST = "r#0.0"


def policy(**more: Any) -> dict[str, Any]:
    granted = {"calls": 3, "tokens": 10_000, "cost_usd": 1, "wall_s": 60}
    return {
        "policy": "forkpoint.policy/1",
        "default": {"mode": "live"},
        "allow_live": {"hosts": ["127.0.0.1"]},
        "budgets": granted,
        **more,
    }


def completion(text: str, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "model": "stub-1",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 5},
        **more,
    }


async def single(tools: Bench, run_id: str, **asked: Any) -> list[str]:
    cut = {"key": FIRST}
    given = {"policy": policy(), **asked}
    return await tools.ask(
        Asked(run_id=run_id, cut=cut, executor=Executor.SINGLE, **given),
    )


@pytest.fixture
def redactor(tmp_path: Path):
    return redactor_of(Settings(data=tmp_path))


async def test_one_step_is_asked_again_on_each_model(database: Scratch, redactor: Any):
    answers = [(200, completion("one")), (200, completion("two"))]
    async with (
        model_stub(answers) as stub,
        bench(database, redactor=redactor, providers=(stub.provider(),)) as tools,
    ):
        run_id = await tools.store(import_log(LOG.read_bytes(), IMPORTER))
        ids = await single(tools, run_id, models=("small", "large"))
        await tools.worker.work_off()
        sessions = [await tools.session(each) for each in ids]
        runs = [await tools.read(session.new_run_id) for session in sessions]

    path, headers, body = stub.asked[0]
    assert (path, headers["authorization"]) == ("/v1/chat/completions", "Bearer test-key")
    assert {asked["model"] for _, _, asked in stub.asked} == {"small", "large"}
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert {session.verdict for session in sessions} == {Verdict.FORKED}
    assert [len(run.recording) for run in runs] == [1, 1]
    step = runs[0].recording.started[0]
    assert step.replay is not None
    assert (step.replay.mode, step.replay.taint) == (Mode.LIVE, ("live",))
    assert runs[0].recording.ended[0].tokens_in == 11  # type: ignore[union-attr]


async def test_a_secret_in_an_answer_is_masked_before_it_is_kept(database: Scratch, redactor: Any):
    secret = "hunter2-and-more"
    async with (
        model_stub([(200, completion("done", password=secret))]) as stub,
        bench(database, redactor=redactor, providers=(stub.provider(),)) as tools,
    ):
        run_id = await tools.store(import_log(LOG.read_bytes(), IMPORTER))
        (session_id,) = await single(tools, run_id)
        await tools.worker.work_off()
        run = await tools.read((await tools.session(session_id)).new_run_id)

    kept = database.sql("select string_agg(answer::text, '') from replay_call")
    assert all(secret.encode() not in body for body in run.blocks.values())
    assert "rx1_VALUE" in kept
    assert secret not in kept


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"allow_live": {"hosts": ["api.example.com"]}}, "live_refused"),
        ({"allow_live": {"hosts": []}}, "live_refused"),
        ({"budgets": {}}, "budget_calls"),
    ],
)
async def test_what_the_policy_does_not_allow_is_not_asked(
    database: Scratch, redactor: Any, changed: dict[str, Any], code: str
):
    async with (
        model_stub([]) as stub,
        bench(database, redactor=redactor, providers=(stub.provider(),)) as tools,
    ):
        run_id = await tools.store(import_log(LOG.read_bytes(), IMPORTER))
        (session_id,) = await single(tools, run_id, policy=policy(**changed))
        await tools.worker.work_off()
        session = await tools.session(session_id)

    assert (session.state, session.reason) == (SessionState.STOPPED, code)
    assert stub.asked == []


async def test_without_a_provider_nothing_goes_live(database: Scratch, redactor: Any):
    async with bench(database, redactor=redactor) as tools:
        run_id = await tools.store(import_log(LOG.read_bytes(), IMPORTER))
        (session_id,) = await single(tools, run_id)
        await tools.worker.work_off()
        session = await tools.session(session_id)

    assert (session.state, session.reason) == (SessionState.STOPPED, "live_refused")


async def test_a_call_whose_answer_never_came_is_not_made_again(database: Scratch, redactor: Any):
    async with (
        model_stub([(200, completion("late"))]) as stub,
        bench(database, redactor=redactor, providers=(stub.provider(),)) as tools,
    ):
        run_id = await tools.store(import_log(LOG.read_bytes(), IMPORTER))
        (session_id,) = await single(tools, run_id)
        database.sql(
            "insert into replay_call (run_id, session_id, key, project_id, fence)"
            f" values ('{run_id}', '{session_id}', '{FIRST}', 1, 1)"
        )
        await tools.worker.work_off()
        session = await tools.session(session_id)

    assert (session.state, session.reason, stub.asked) == (
        SessionState.STOPPED,
        "outcome_unknown",
        [],
    )


async def test_a_graph_ends_where_a_live_reply_asks_for_other_tools(
    database: Scratch, redactor: Any
):
    call = {
        "id": "x",
        "type": "function",
        "function": {"name": "send_money", "arguments": json.dumps({"amount": 1})},
    }
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    answer = completion("", choices=[{"index": 0, "message": message}])
    async with (
        model_stub([(200, answer)]) as stub,
        bench(database, redactor=redactor, providers=(stub.provider(),)) as tools,
    ):
        run_id = await tools.store(import_log(LOG.read_bytes(), IMPORTER))
        edits = [{"kind": "output", "key": "r#0.1", "value": "the bill is empty"}]
        asked = Asked(run_id=run_id, cut={"key": "r#0.1"}, edits=edits, policy=policy())
        (session_id,) = await tools.ask(asked)
        await tools.worker.work_off()
        session = await tools.session(session_id)
        run = await tools.read(session.new_run_id)

    assert (session.state, session.reason) == (SessionState.STOPPED, "new_tool_call")
    assert session.failed_step is not None
    assert session.failed_step["key"] == "r#0.2"
    assert [kind for kind, _ in run.recording.types] == [
        Kind.AGENT,
        Kind.MODEL,
        Kind.TOOL,
        Kind.MODEL,
    ]
