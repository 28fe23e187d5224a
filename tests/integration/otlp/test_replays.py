from __future__ import annotations

import json
from typing import Any

import pytest
from modelstub import model_stub
from otlp_fixtures import Intake
from replaying import session_of, start, steps_of
from traces import Trace, agent_trace

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_derived_run_is_verified_without_its_code(intake: Intake):
    trace = agent_trace(steps=3)
    await intake.send(trace)
    await intake.finish()

    made = (await start(intake.service, intake.run(trace)["run_id"]))["sessions"][0]
    await intake.worker.work_off()

    done = await session_of(intake.service, made["id"])
    assert (done["state"], done["verdict"], done["reason"]) == ("FINISHED", "IDENTICAL", None)
    assert done["report"]["exit"] == 0


async def test_a_session_is_stale_once_its_trace_has_grown(intake: Intake):
    trace = agent_trace(steps=1)
    await intake.send(trace)
    await intake.finish()
    run_id = intake.run(trace)["run_id"]
    made = (await start(intake.service, run_id))["sessions"][0]
    await intake.worker.work_off()
    query = "query($id: ID!) { replaySession(id: $id) { stale state } }"
    await intake.finish()  # nothing has come: it is looked at once more
    before = (await intake.service.data(query, id=made["id"]))["replaySession"]

    late = trace.span("late", parent=trace.spans[0], at=3, lasts=1)
    await intake.send(trace, late)
    await intake.finish()

    after = (await intake.service.data(query, id=made["id"]))["replaySession"]
    again = (await start(intake.service, run_id))["sessions"][0]
    fresh = (await intake.service.data(query, id=again["id"]))["replaySession"]
    assert before == {"stale": False, "state": "FINISHED"}
    assert after == {"stale": True, "state": "FINISHED"}
    assert fresh["stale"] is False


async def test_host_replay_refused_with_reason(intake: Intake):
    trace = agent_trace(steps=1)
    await intake.send(trace)
    await intake.finish()
    run_id = intake.run(trace)["run_id"]

    plan = (await start(intake.service, run_id, dryRun=True, entrypoint="app:main"))["plan"]

    assert [(each["code"], each["field"]) for each in plan["refusals"]] == [
        ("RECORDING_INCOMPLETE", "runId")
    ]
    assert "allow_shift" in plan["refusals"][0]["message"]


async def test_a_trace_without_content_is_refused_where_content_is_needed(intake: Intake):
    trace = agent_trace(steps=1)
    trace.span("chat", parent=trace.spans[0], at=8, attributes={"gen_ai.operation.name": "chat"})
    await intake.send(trace)
    await intake.finish()

    able = intake.run(trace)["capabilities"]

    assert "graph" not in able["can"]
    assert able["reasons"]["content_missing"] == 1


def _looping(*, told: str | None = None, genai: bool = False) -> Trace:
    """An agent that looks twice before it answers; `told`: what it tells the model it found."""
    trace = Trace()
    root = trace.span("agent", at=0, lasts=99, attributes={"openinference.span.kind": "AGENT"})
    said: list[dict[str, Any]] = [
        {"role": "system", "parts": [{"type": "text", "content": "be kind"}]},
        {"role": "user", "parts": [{"type": "text", "content": "what is cooked?"}]},
    ]
    for turn in range(3):
        arguments = {"day": turn}
        call = {"type": "tool_call", "id": f"c{turn}", "name": "menu", "arguments": arguments}
        last = {"type": "text", "content": "soup"}
        reply = {"role": "assistant", "parts": [last if turn == 2 else call]}
        finish = {"finish_reason": "stop" if turn == 2 else "tool_call"}
        asked = json.dumps(said) if genai else said
        trace.span(
            "chat",
            parent=root,
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "m",
                "gen_ai.request.temperature": 0.0,
                "gen_ai.input.messages": asked,
                "gen_ai.output.messages": [{**reply, **finish}],
            },
        )
        if turn == 2:
            break
        result = {"day": turn, "meal": "soup"}
        trace.span(
            "execute_tool menu",
            parent=root,
            attributes={
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "menu",
                "gen_ai.tool.call.id": f"c{turn}",
                "gen_ai.tool.call.arguments": json.dumps(arguments),
                "gen_ai.tool.call.result": json.dumps(result),
            },
        )
        response = json.dumps(result) if told is None else told
        part = {"type": "tool_call_response", "id": f"c{turn}", "response": response}
        said += [reply, {"role": "tool", "parts": [part]}]
    return trace


@pytest.mark.parametrize("genai", [False, True], ids=["structured", "as_text"])
async def test_imported_loop_is_proven_and_forked(intake: Intake, genai: bool):
    trace = _looping(genai=genai)
    await intake.send(trace)
    await intake.finish()
    run = intake.run(trace)
    assert run["capabilities"]["can"] == ["verify", "graph", "single", "loop"]
    proof = run["capabilities"]["loop"]
    assert (proof["family"], proof["turns"], proof["rebuilt"]) == ("parts", 3, 2)

    proved = (await start(intake.service, run["run_id"], executor="LOOP"))["sessions"][0]
    answer = [{"role": "assistant", "parts": [{"type": "text", "text": "nothing at all"}]}]
    edits = [
        {"kind": "output", "key": "r#0.1", "value": {"day": 0, "meal": "none"}},
        {"kind": "output", "key": "r#0.2", "value": answer},
    ]
    forked = (await start(intake.service, run["run_id"], executor="LOOP", edits=edits))["sessions"][
        0
    ]
    await intake.worker.work_off()

    done = await session_of(intake.service, proved["id"])
    fork = await session_of(intake.service, forked["id"])
    assert (done["state"], done["verdict"]) == ("FINISHED", "IDENTICAL")
    assert (fork["state"], fork["verdict"], fork["reason"]) == ("FINISHED", "FORKED", None)
    steps = await steps_of(intake.service, fork["newRunId"])
    assert [step["key"] for step in steps] == ["r#0", "r#0.0", "r#0.1", "r#0.2"]
    values = await intake.values_of(fork["newRunId"])
    told = values["r#0.2"]["input.messages"][-1]
    assert told == {
        "role": "tool",
        "parts": [{"type": "tool_result", "id": "c0", "value": {"day": 0, "meal": "none"}}],
    }
    assert values["r#0.2"]["output"] == answer


def _completion(message: dict[str, Any], finish: str) -> dict[str, Any]:
    return {
        "model": "stub-1",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 5},
    }


async def test_imported_loop_goes_on_with_a_live_model(intake: Intake):
    trace = _looping()
    await intake.send(trace)
    await intake.finish()
    run_id = intake.run(trace)["run_id"]
    function = {"name": "menu", "arguments": '{"day": 1}'}
    asks = {"content": None, "tool_calls": [{"id": "n1", "type": "function", "function": function}]}
    answers = [
        (200, _completion({"role": "assistant", **asks}, "tool_calls")),
        (200, _completion({"role": "assistant", "content": "bread"}, "stop")),
    ]
    policy = {
        "policy": "forkpoint.policy/1",
        "default": {"mode": "cached"},
        "rules": [{"match": {"kind": "model"}, "mode": "cached", "on_miss": ["live"]}],
        "allow_live": {"hosts": ["127.0.0.1"]},
        "budgets": {"calls": 5, "tokens": 1000, "cost_usd": 1, "wall_s": 60},
    }
    edits = [{"kind": "output", "key": "r#0.1", "value": {"day": 0, "meal": "none"}}]

    async with model_stub(answers) as stub, intake.asking(stub.provider()) as worker:
        asked = await start(intake.service, run_id, executor="LOOP", edits=edits, policy=policy)
        await worker.work_off()

    done = await session_of(intake.service, asked["sessions"][0]["id"])
    assert (done["verdict"], done["reason"]) == ("FORKED", None)
    first, second = (body for _, _, body in stub.asked)
    call = {"name": "menu", "arguments": '{"day":0}'}
    assert first == {
        "model": "m",
        "stream": False,
        "temperature": 0,
        "messages": [
            {"role": "system", "content": "be kind"},
            {"role": "user", "content": "what is cooked?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c0", "type": "function", "function": call}],
            },
            {"role": "tool", "tool_call_id": "c0", "content": '{"day":0,"meal":"none"}'},
        ],
    }
    assert second["messages"][-1] == {
        "role": "tool",
        "tool_call_id": "n1",
        "content": '{"day":1,"meal":"soup"}',  # as recorded: the same call was made
    }
    steps = await steps_of(intake.service, done["newRunId"])
    assert [(step["key"], (step["replay"] or {}).get("mode")) for step in steps][2:] == [
        ("r#0.1", "SIMULATED"),
        ("r#0.2", "LIVE"),
        ("r#0.3", "CACHED"),
        ("r#0.4", "LIVE"),
    ]
    values = await intake.values_of(done["newRunId"])
    assert values["r#0.4"]["output"] == [
        {"role": "assistant", "parts": [{"type": "text", "text": "bread"}], "finish": "stop"}
    ]


async def test_one_step_of_a_trace_is_asked_again_on_another_model(intake: Intake):
    trace = _looping()
    await intake.send(trace)
    await intake.finish()
    answer = _completion({"role": "assistant", "content": "bread"}, "stop")
    policy = {
        "policy": "forkpoint.policy/1",
        "default": {"mode": "live"},
        "allow_live": {"hosts": ["127.0.0.1"]},
        "budgets": {"calls": 1, "tokens": 1000, "cost_usd": 1, "wall_s": 60},
    }

    async with model_stub([(200, answer)]) as stub, intake.asking(stub.provider()) as worker:
        asked = await start(
            intake.service,
            intake.run(trace)["run_id"],
            executor="SINGLE",
            cut={"key": "r#0.4"},
            models=["small"],
            policy=policy,
        )
        await worker.work_off()

    done = await session_of(intake.service, asked["sessions"][0]["id"])
    assert (done["verdict"], done["reason"], stub.asked[0][2]["model"]) == ("FORKED", None, "small")


async def test_a_trace_whose_agent_rewrote_a_result_is_no_loop_and_says_where(intake: Intake):
    trace = _looping(told="something else")
    await intake.send(trace)
    await intake.finish()

    able = intake.run(trace)["capabilities"]

    assert able["can"] == ["verify", "graph", "single"]
    assert able["loop"] == {"cause": "result_changed", "key": "r#0.1"}
    assert able["hints"] == {"loop": "result_changed at r#0.1"}
