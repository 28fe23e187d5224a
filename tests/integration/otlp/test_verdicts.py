"""Evaluations as validator steps, and tool steps with the model that asked for them."""

from __future__ import annotations

from typing import Any

import pytest
from otlp_fixtures import Intake
from traces import BEGIN_NS, MS, PROTOBUF, Trace, agent_trace

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVENT = "gen_ai.evaluation.result"
GOOD = {
    "gen_ai.evaluation.name": "relevance",
    "gen_ai.evaluation.score.value": 0.75,
    "gen_ai.evaluation.score.label": "good",
    "gen_ai.evaluation.explanation": "it answers",
    "gen_ai.response.id": "r1",
}
VALIDATOR = 4
ASKED = """query($id: ID!) { run(id: $id) { steps(first: 50) { nodes {
    key askedBy { key } answers { key } } } } }"""


async def _log(intake: Intake, record: Any) -> None:
    answer = await intake.service.client.post(
        "/v1/logs", content=record.SerializeToString(), headers=PROTOBUF
    )
    assert (answer.status_code, answer.content) == (200, b"")


async def test_an_evaluation_event_of_a_span_is_a_validator_step_below_it(intake: Intake):
    trace = agent_trace(steps=1)
    judged = trace.spans[1]
    judged.events.add(name=EVENT, time_unix_nano=judged.end_time_unix_nano + 7)
    for key, value in GOOD.items():
        pair = judged.events[0].attributes.add(key=key)
        if isinstance(value, float):
            pair.value.double_value = value
        else:
            pair.value.string_value = value

    await intake.send(trace)
    await intake.finish()

    steps = intake.steps(trace)
    assert [(each["key"], each["kind"], each["name"], each["subtype"]) for each in steps][2:] == [
        ("r#0.0.0", VALIDATOR, "relevance", "evaluation")
    ]
    assert steps[2]["start_ns"] == steps[2]["end_ns"] == judged.end_time_unix_nano + 7
    value = (await intake.values(trace))["r#0.0.0"]
    assert value["output"] == {
        "name": "relevance",
        "score": 0.75,
        "label": "good",
        "explanation": "it answers",
    }
    assert value["input.subject"] == (await intake.values(trace))["r#0.0"]["output"]
    assert value["attributes"]["attributes"] == {"gen_ai.response.id": "r1"}
    run = intake.run(trace)
    events = intake.rows(f"select seq from event where run_id = '{run['run_id']}'")
    assert sorted(each["seq"] for each in events) == list(range(6))
    assert (run["head"], run["step_count"], run["events_expected"]) == (5, 3, {"0": 6})
    assert run["capabilities"]["can"] == ["verify", "graph", "single"]


async def test_an_evaluation_record_long_after_the_end_opens_the_run_once_more(intake: Intake):
    trace = agent_trace(steps=1)
    await intake.send(trace)
    await intake.finish()  # and what was sealed is deleted
    before = intake.run(trace)
    record = trace.log(trace.spans[1], EVENT, **GOOD)

    for _ in range(2):  # the second time as a sender that never got its answer
        await _log(intake, record)
        await intake.finish()

    after = intake.run(trace)
    steps = intake.steps(trace)
    assert [(each["key"], each["name"], each["status"]) for each in steps][2:] == [
        ("r#0.0.0", "relevance", "ok")
    ]
    assert (after["finished"], after["step_count"], after["head"]) == (True, 3, 5)
    assert after["revision"] > before["revision"]
    assert (await intake.values(trace))["r#0.0"]["output"][0]["role"] == "assistant"


async def test_an_evaluation_before_its_span_waits_at_the_top(intake: Intake):
    trace = agent_trace(steps=1)
    await _log(intake, trace.log(trace.spans[1], EVENT, **GOOD))
    await intake.work()
    waiting = intake.steps(trace)

    await intake.send(trace)
    await intake.finish()

    assert [(each["name"], each["key"]) for each in waiting] == [("relevance", "r#0")]
    found = [(each["name"], each["key"]) for each in intake.steps(trace)]
    assert found == [("agent", "r#0"), ("ChatCompletion", "r#0.0"), ("relevance", "r#0.0.0")]


async def test_a_failed_evaluator_is_a_failed_step_and_several_are_told_apart(intake: Intake):
    trace = agent_trace(steps=1)
    span = trace.spans[1]
    for name, error in (("a", None), ("b", "timeout"), ("a", None)):
        event = span.events.add(name=EVENT, time_unix_nano=span.end_time_unix_nano)
        event.attributes.add(key="gen_ai.evaluation.name").value.string_value = name
        if error:
            event.attributes.add(key="error.type").value.string_value = error

    await intake.send(trace)
    await intake.finish()

    found = [(each["name"], each["status"], each["error_class"]) for each in intake.steps(trace)]
    assert sorted(found[2:]) == [("a", "ok", None), ("b", "error", "timeout")]


async def test_feedback_of_openinference_is_the_verdict_of_its_step(intake: Intake):
    trace = Trace()
    trace.span(
        "chat",
        attributes={
            "openinference.span.kind": "LLM",
            "input.value": "hi",
            "output.value": "ho",
            "evaluations.0.evaluation.name": "polite",
            "evaluations.0.evaluation.score": 1.0,
        },
    )
    trace.span(
        "judge",
        attributes={
            "openinference.span.kind": "EVALUATOR",
            "input.value": "ho",
            "annotations.0.annotation.label": "fine",
        },
    )

    await intake.send(trace)
    await intake.finish()

    values = await intake.values(trace)
    assert values["r#0"]["attributes"]["verdict"] == [{"name": "polite", "score": 1.0}]
    assert values["r#0"]["attributes"]["attributes"] == {}
    assert values["r#1"]["output"] == [{"label": "fine"}]


def _calling_trace() -> Trace:
    trace = Trace()
    root = trace.span("agent", at=0, lasts=99, attributes={"openinference.span.kind": "AGENT"})
    calls = [
        {"type": "tool_call", "id": f"call_{name}", "name": "search", "arguments": {"q": name}}
        for name in ("a", "b")
    ]
    trace.span(
        "chat",
        parent=root,
        at=1,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": [
                {"role": "user", "parts": [{"type": "text", "content": "hi"}]}
            ],
            "gen_ai.output.messages": [{"role": "assistant", "parts": calls}],
        },
    )
    for name in ("b", "a"):  # answered at once, the second first
        trace.span(
            "execute_tool search",
            parent=root,
            at=10,
            attributes={
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "search",
                "gen_ai.tool.call.id": f"call_{name}",
                "gen_ai.tool.call.arguments": {"q": name},
                "gen_ai.tool.call.result": name,
            },
        )
    return trace


async def test_parallel_tool_calls_link_by_id_also_from_two_batches(intake: Intake):
    trace = _calling_trace()
    for span in reversed(trace.spans):
        await intake.send(trace, span)
        await intake.work()
    await intake.finish()

    answer = await intake.service.data(ASKED, id=intake.run(trace)["run_id"])

    steps = answer["run"]["steps"]["nodes"]
    assert [each["askedBy"] for each in steps] == [None, None, {"key": "r#0.0"}, {"key": "r#0.0"}]
    assert steps[1]["answers"] == [{"key": "r#0.1"}, {"key": "r#0.2"}]
    assert steps[0]["answers"] == []


async def test_finish_run_ends_a_derived_run_at_once(intake: Intake):
    trace = agent_trace(steps=1)
    await intake.send(trace, trace.spans[1])  # no root: it would wait for five minutes
    await intake.work()
    run_id = intake.run(trace)["run_id"]
    assert not intake.run(trace)["finished"]
    record = {"run_id": run_id, "status": "ok", "ended_ns": BEGIN_NS + 50 * MS}
    end = "mutation($r: JSON!) { finishRun(input: {record: $r}) { run { id } missing } }"

    for _ in range(2):
        answer = await intake.service.data(end, r=record)
        await intake.work()

    run = intake.run(trace)
    assert answer["finishRun"] == {"run": {"id": run_id}, "missing": []}
    assert (run["finished"], run["status"], run["health"]) == (True, "ok", ["incomplete"])
    await intake.send(trace, trace.spans[0])
    assert not intake.run(trace)["finished"]
    await intake.finish()
    assert (intake.run(trace)["finished"], intake.run(trace)["health"]) == (True, [])


async def test_the_trace_url_of_the_project_links_back(intake: Intake):
    trace = agent_trace(steps=1)
    await intake.send(trace)
    query = "query($id: ID!) { run(id: $id) { traceUrl } }"
    shown: list[str | None] = []

    for address in ("https://traces.example/t/{trace_id}", "javascript:{trace_id}", "https://x"):
        intake.scratch.sql(
            "update project set settings = coalesce(settings, '{}')"
            f" || jsonb_build_object('traceUrl', '{address}')"
        )
        run_id = intake.run(trace)["run_id"]
        shown.append((await intake.service.data(query, id=run_id))["run"]["traceUrl"])
    intake.scratch.sql("update project set settings = settings - 'traceUrl'")

    assert shown == [f"https://traces.example/t/{trace.trace_id.hex()}", None, None]
