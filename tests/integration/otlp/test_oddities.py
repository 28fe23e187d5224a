from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from otlp_fixtures import Intake
from traces import PROTOBUF, Trace, agent_trace

pytestmark = pytest.mark.asyncio(loop_scope="module")
JSON = {"content-type": "application/json"}
LLM = {"openinference.span.kind": "LLM"}


def _framed(tag: int, body: bytes) -> bytes:
    size, head = len(body), bytearray((tag,))
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes(head) + bytes((size,)) + body


def _deep(levels: int) -> bytes:
    """A list in a list in a list ..., by hand: the library writes none so deep."""
    value = b"\x0a\x01x"  # string_value
    for _ in range(levels):
        value = _framed(0x2A, _framed(0x0A, value))  # array_value, values
    return value


def _body_with_deep(trace: Trace, levels: int) -> bytes:
    """The trace, and one more span in a group of its own that holds such a value."""
    span = Span(
        trace_id=trace.trace_id,
        span_id=b"deepdeep",
        name="deep",
        start_time_unix_nano=trace.spans[0].start_time_unix_nano,
        end_time_unix_nano=trace.spans[0].end_time_unix_nano,
    )
    pair = _framed(0x0A, b"nested") + _framed(0x12, _deep(levels))
    raw = span.SerializeToString() + _framed(0x4A, pair)
    return trace.body() + _framed(0x0A, _framed(0x12, _framed(0x12, raw)))


async def _rejected(intake: Intake, body: bytes) -> tuple[int, str]:
    answer = await intake.service.client.post("/v1/traces", content=body, headers=PROTOBUF)
    assert answer.status_code == 200, answer.content
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    return partial.rejected_spans, partial.error_message


async def test_a_value_nested_over_64_deep_costs_its_span_alone(intake: Intake):
    trace = agent_trace(steps=1)

    rejected, said = await _rejected(intake, _body_with_deep(trace, 65))
    await intake.finish()

    assert (rejected, "nested too deep" in said) == (1, True)
    assert b"deepdeep".hex() in said
    assert [step["name"] for step in intake.steps(trace)] == ["agent", "ChatCompletion"]
    assert (await intake.values(trace))["r#0.0"]["output"][0]["role"] == "assistant"


async def test_a_value_nested_40_deep_is_kept(intake: Intake):
    trace = agent_trace(steps=1)

    assert (await _rejected(intake, _body_with_deep(trace, 40)))[0] == 0
    await intake.finish()

    values = await intake.values(trace)
    kept: Any = next(
        each["attributes"]["attributes"]["nested"]
        for each in values.values()
        if "nested" in each["attributes"]["attributes"]
    )
    for _ in range(40):
        [kept] = kept
    assert kept == "x"


async def test_json_nested_over_64_deep_costs_its_span_alone(intake: Intake):
    trace = agent_trace(steps=1)
    value: dict[str, Any] = {"stringValue": "x"}
    for _ in range(300):
        value = {"arrayValue": {"values": [value]}}
    spans = [
        {
            "traceId": span.trace_id.hex(),
            "spanId": span.span_id.hex(),
            "name": span.name,
            "startTimeUnixNano": span.start_time_unix_nano,
            "endTimeUnixNano": span.end_time_unix_nano,
        }
        for span in trace.spans
    ]
    spans[1]["attributes"] = [{"key": "nested", "value": value}]  # type: ignore[assignment]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})

    answer = await intake.service.client.post("/v1/traces", content=body, headers=JSON)

    assert (answer.status_code, answer.json()["partialSuccess"]["rejectedSpans"]) == (200, "1")
    assert [step["name"] for step in intake.steps(trace)] == ["agent"]


@pytest.mark.parametrize(
    ("key", "refused"),
    [
        ("llm.input_messages.100000.message.content", 1),
        ("gen_ai.prompt.4000000000.content", 1),
        ("llm.input_messages.0.message.tool_calls.999999999.tool_call.id", 1),
        ("llm.input_messages.99999.message.content", 0),
        ("my.build.20261128", 0),
    ],
)
async def test_an_index_over_99999_costs_its_span_alone(intake: Intake, key: str, refused: int):
    trace = agent_trace(steps=1)
    trace.span("bomb", parent=trace.spans[0], attributes={**LLM, key: "x"})

    rejected, said = await _rejected(intake, trace.body())

    assert (rejected, "index over 99999" in said) == (refused, bool(refused))
    assert intake.run(trace)["step_count"] == 3 - refused


@pytest.mark.parametrize("place", ["attribute", "list", "event"])
async def test_string_value_strindex_rejects_the_span(intake: Intake, place: str):
    trace = agent_trace(steps=1)
    span = trace.span("profile", parent=trace.spans[0])
    reference = AnyValue(string_value_strindex=300)
    if place == "attribute":
        span.attributes.add(key="name").value.CopyFrom(reference)
    elif place == "list":
        span.attributes.add(key="names").value.array_value.values.append(reference)
    else:
        span.events.add(name="e").attributes.add(key="name").value.CopyFrom(reference)

    rejected, said = await _rejected(intake, trace.body())

    assert (rejected, "string table" in said) == (1, True)
    assert intake.run(trace)["step_count"] == 2
