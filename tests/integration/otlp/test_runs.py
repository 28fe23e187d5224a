from __future__ import annotations

import random
from typing import Any

import pytest
from otlp_fixtures import Intake
from traces import BEGIN_NS, MS, PROTOBUF, Trace, agent_trace

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOOL = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "search",
    "gen_ai.tool.call.arguments": '{"q": "x", "api_key": "sk-1234567890abcdef"}',
    "gen_ai.tool.call.result": "found",
}


def shape(steps: list[Any]) -> list[Any]:
    """What must be equal however a trace came."""
    names = ("step_id", "seq", "end_seq", "key", "parent_seq", "depth", "lane", "kind", "name")
    return [[step[name] for name in names] for step in steps]


async def test_a_trace_is_a_run_with_its_spans_as_steps(intake: Intake):
    trace = agent_trace()

    await intake.send(trace)
    await intake.finish()

    run = intake.run(trace)
    assert run["name"] == "agent"
    assert (run["status"], run["step_count"], run["finished"]) == ("ok", 3, True)
    assert (run["tokens_in"], run["tokens_out"]) == (20, 6)
    assert [step["key"] for step in intake.steps(trace)] == ["r#0", "r#0.0", "r#0.1"]


async def test_content_is_redacted_stored_and_its_sealed_form_deleted(intake: Intake):
    trace = agent_trace(steps=1)
    trace.span("execute_tool search", parent=trace.spans[0], at=8, lasts=1, attributes=TOOL)

    await intake.send(trace)
    await intake.finish()

    values = await intake.values(trace)
    assert values["r#0.0"]["input.messages"] == [
        {"role": "user", "parts": [{"type": "text", "text": "question 0"}]}
    ]
    assert values["r#0.0"]["output"][0]["parts"] == [{"type": "text", "text": "answer 0"}]
    assert values["r#0.0"]["input.params"] == {"temperature": 0}
    assert values["r#0.1"]["input.args"]["q"] == "x"
    assert values["r#0.1"]["input.args"]["api_key"].startswith("rx1_VALUE_")
    assert values["r#0.1"]["output"] == "found"
    run_id = intake.run(trace)["run_id"]
    assert not intake.rows(f"select 1 from staged_body where run_id = '{run_id}'")


async def test_before_the_worker_nothing_of_the_content_can_be_read(intake: Intake):
    trace = agent_trace(steps=1)

    await intake.send(trace)

    assert await intake.values(trace) == {"r#0": {}, "r#1": {}}
    sealed = intake.rows(
        f"select sealed from staged_body where run_id = '{intake.run(trace)['run_id']}'"
    )
    assert b"question".hex() not in sealed[0]["sealed"]


async def test_shuffled_batches_give_equal_runs(intake: Intake):
    trace = agent_trace(steps=6)
    await intake.send(trace)
    await intake.finish()
    whole = shape(intake.steps(trace))
    spans = list(trace.spans)
    random.Random(4).shuffle(spans)
    intake.scratch.sql(f"delete from run where run_id = '{intake.run(trace)['run_id']}'")
    for table in ("event", "step", "artifact", "derived_event"):
        intake.scratch.sql(f"delete from {table}")

    for span in spans:
        await intake.send(trace, span)
        await intake.send(trace, span)
        await intake.work()
    await intake.finish()

    assert shape(intake.steps(trace)) == whole


async def test_children_before_root_wait_at_the_top_and_move(intake: Intake):
    trace = agent_trace(steps=2)
    for span in trace.spans[1:]:
        await intake.send(trace, span)
    await intake.work()
    waiting = [(step["key"], step["depth"]) for step in intake.steps(trace)]

    await intake.send(trace, trace.spans[0])
    await intake.finish()

    found = [(step["key"], step["depth"]) for step in intake.steps(trace)]
    assert waiting == [("r#0", 0), ("r#1", 0)]
    assert found == [("r#0", 0), ("r#0.0", 1), ("r#0.1", 1)]
    assert intake.run(trace)["health"] == []


async def test_two_roots_are_one_run_named_by_the_earlier(intake: Intake):
    trace = Trace()
    for name, at, kind in (("second", 50, "TOOL"), ("first", 0, "AGENT")):
        trace.span(name, at=at, error="broke" if at else None, attributes={
            "openinference.span.kind": kind, "langfuse.trace.name": f"run of {name}"
        })  # fmt: skip

    await intake.send(trace)
    await intake.finish()

    run = intake.run(trace)
    assert [(s["name"], s["key"]) for s in intake.steps(trace)] == [
        ("first", "r#0"),
        ("second", "r#1"),
    ]
    assert (run["name"], run["status"], run["finished"]) == ("run of first", "error", True)


async def test_agent_totals_not_counted_and_a_call_recorded_twice_counts_once(intake: Intake):
    trace = Trace()
    root = trace.span("agent", at=0, lasts=99, attributes={
        "gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 30,
        "gen_ai.aggregated_usage.input_tokens": 30,
    })  # fmt: skip
    for at, tokens in ((1, 10), (20, 20)):
        outer = trace.span("chat", parent=root, at=at, lasts=9, attributes={
            "gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": tokens,
        })  # fmt: skip
        if at == 1:  # by a second instrumentation
            trace.span("again", parent=outer, at=at + 1, lasts=2, attributes={
                "openinference.span.kind": "LLM", "llm.token_count.prompt": tokens,
            })  # fmt: skip

    await intake.send(trace)
    await intake.finish()

    assert intake.run(trace)["tokens_in"] == 30


async def test_late_span_after_finish_opens_the_run_under_a_new_revision(intake: Intake):
    trace = agent_trace(steps=1)
    await intake.send(trace)
    await intake.finish()
    before = intake.run(trace)
    late = trace.span("late", parent=trace.spans[0], at=0, lasts=1, attributes=TOOL)

    await intake.send(trace, late)
    open_again = intake.run(trace)
    await intake.finish()

    after = intake.run(trace)
    assert (before["finished"], open_again["finished"], after["finished"]) == (True, False, True)
    assert after["revision"] > before["revision"]
    assert [step["name"] for step in intake.steps(trace)] == ["agent", "search", "ChatCompletion"]


async def test_no_root_waits_longer_and_is_then_incomplete(intake: Intake):
    trace = Trace()
    trace.span("lost child", parent=b"12345678", attributes=TOOL)

    await intake.send(trace)
    await intake.work()
    waiting = intake.run(trace)
    await intake.finish()

    run = intake.run(trace)
    assert not waiting["finished"]
    assert (run["finished"], run["health"]) == (True, ["incomplete"])
    assert run["capabilities"]["reasons"]["no_root"] == 1
    assert run["capabilities"]["reasons"]["orphan"] == 1


async def test_parent_cycle_is_cut_at_its_earliest_start(intake: Intake):
    trace = Trace()
    first = trace.span("first", parent=b"22222222", span_id=b"11111111")
    trace.span("second", parent=first, span_id=b"22222222")

    await intake.send(trace)
    await intake.finish()

    assert [(s["name"], s["key"]) for s in intake.steps(trace)] == [
        ("first", "r#0"),
        ("second", "r#0.0"),
    ]


async def test_equal_span_ids_in_two_traces_never_meet(intake: Intake):
    one, two = Trace(), Trace()
    one.span("one", span_id=b"samesame")
    two.span("two", span_id=b"samesame")

    await intake.send(one)
    await intake.send(two)

    assert [step["name"] for step in intake.steps(one)] == ["one"]
    assert [step["name"] for step in intake.steps(two)] == ["two"]


async def test_open_then_closed_is_one_step(intake: Intake):
    trace = Trace()
    span = trace.span("slow", lasts=None, attributes=TOOL)
    await intake.send(trace)
    running = intake.steps(trace)
    span.end_time_unix_nano = span.start_time_unix_nano + 7 * MS

    await intake.send(trace)
    await intake.finish()

    assert [step["status"] for step in running] == ["running"]
    assert [(step["status"], step["end_ns"]) for step in intake.steps(trace)] == [
        ("ok", span.end_time_unix_nano)
    ]
    assert (await intake.values(trace))["r#0"]["output"] == "found"


async def test_pending_span_opens_the_step_of_its_parent(intake: Intake):
    trace = Trace()
    real = trace.span("work", lasts=20, attributes=TOOL)
    pending = trace.span(
        "work",
        parent=real,
        at=0,
        lasts=0,
        attributes={
            "logfire.span_type": "pending_span",
            "logfire.pending_parent_id": "0000000000000000",
        },
    )
    await intake.send(trace, pending)
    running = intake.steps(trace)

    await intake.send(trace, real)
    await intake.finish()

    assert [step["status"] for step in running] == ["running"]
    assert [(step["name"], step["status"]) for step in intake.steps(trace)] == [("search", "ok")]


async def test_nanoseconds_survive_and_clock_suspect_is_flagged(intake: Intake):
    trace = Trace()
    trace.span("exact")
    backwards = trace.span("backwards", at=50)
    backwards.end_time_unix_nano = backwards.start_time_unix_nano - 1
    ancient = trace.span("ancient")
    ancient.start_time_unix_nano, ancient.end_time_unix_nano = 0, 1

    await intake.send(trace)

    steps = {step["name"]: step for step in intake.steps(trace)}
    assert steps["exact"]["start_ns"] == BEGIN_NS
    assert [bool(steps[n]["flags"] & 4096) for n in ("exact", "backwards", "ancient")] == [
        False,
        True,
        True,
    ]
    assert steps["backwards"]["end_ns"] == steps["backwards"]["start_ns"]


async def test_plain_trace_is_listed_only_if_asked_for(intake: Intake):
    trace = Trace()
    trace.span("GET /", attributes={"http.request.method": "GET", "url.path": "/"})
    await intake.send(trace)
    await intake.finish()
    run_id = intake.run(trace)["run_id"]
    query = "query($f: RunFilter) { runs(first: 200, filter: $f) { nodes { id } } }"

    listed = await intake.service.data(query, f={})
    asked = await intake.service.data(query, f={"plain": True})

    assert run_id not in [node["id"] for node in listed["runs"]["nodes"]]
    assert run_id in [node["id"] for node in asked["runs"]["nodes"]]
    assert intake.steps(trace)[0]["subtype"] == "http"


async def test_log_before_span_brings_the_content(intake: Intake):
    trace = Trace()
    span = trace.span(
        "chat", attributes={"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    )
    log = trace.log(
        span,
        "gen_ai.client.inference.operation.details",
        **{
            "gen_ai.input.messages": [
                {"role": "user", "parts": [{"type": "text", "content": "hi"}]}
            ],
            "gen_ai.output.messages": [
                {"role": "assistant", "parts": [{"type": "text", "content": "ho"}]}
            ],
        },
    )
    answer = await intake.service.client.post(
        "/v1/logs", content=log.SerializeToString(), headers=PROTOBUF
    )
    assert answer.status_code == 200, answer.content
    await intake.work()

    await intake.send(trace)
    await intake.finish()

    values = await intake.values(trace)
    assert values["r#0"]["input.messages"][0]["parts"] == [{"type": "text", "text": "hi"}]
    assert values["r#0"]["output"][0]["parts"] == [{"type": "text", "text": "ho"}]


async def test_a_log_record_after_the_end_completes_the_step_all_the_same(intake: Intake):
    trace = Trace()
    span = trace.span("chat", attributes={"gen_ai.operation.name": "chat"})
    await intake.send(trace)
    intake.later_ns = 60 * 10**9
    await intake.work()
    intake.later_ns = 0
    assert intake.run(trace)["finished"]
    unsigned = intake.steps(trace)[0]["signature"]

    details = {"gen_ai.input.messages": "late question"}
    log = trace.log(span, "gen_ai.client.inference.operation.details", **details)
    await intake.service.client.post("/v1/logs", content=log.SerializeToString(), headers=PROTOBUF)
    await intake.finish()

    values = await intake.values(trace)
    assert values["r#0"]["input.messages"][0]["parts"][0]["text"] == "late question"
    assert intake.steps(trace)[0]["signature"] not in (None, unsigned)
    assert intake.run(trace)["finished"]


async def test_a_recording_of_a_derived_run_has_its_events_in_order(intake: Intake):
    trace = agent_trace(steps=2)
    for span in reversed(trace.spans):
        await intake.send(trace, span)
    await intake.finish()
    query = """query($id: ID!) { run(id: $id) { capabilities replayLimits
        recording(first: 100) { start end events blocks } } }"""

    run = (await intake.service.data(query, id=intake.run(trace)["run_id"]))["run"]

    events = [each["event"] for each in run["recording"]["events"]]
    assert [event.get("key") for event in events] == ["r#0", "r#0.0", None, "r#0.1", None, None]
    assert [each["role"] for each in events[1]["artifacts"]] == [
        "input.messages",
        "input.model",
        "input.params",
    ]
    assert run["capabilities"] == ["verify", "graph", "single"]
    assert run["replayLimits"] == {"reasons": {"identity_derived": 1}, "hints": {}}


async def test_content_off_gives_reasons_with_a_hint(intake: Intake):
    trace = Trace()
    trace.span("chat", attributes={"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"})

    await intake.send(trace)
    await intake.finish()

    able = intake.run(trace)["capabilities"]
    assert able["can"] == ["verify"]
    assert able["reasons"]["content_missing"] == 1
    assert "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT" in able["hints"]["content_missing"]
