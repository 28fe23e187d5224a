from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import Any

import orjson
import pytest
import zstandard
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from otlp_fixtures import Intake
from traces import PROTOBUF, Trace, agent_trace

pytestmark = pytest.mark.asyncio(loop_scope="module")
JSON = {"content-type": "application/json"}
_NO_ID = Trace(trace_id=b"0123456789abcdef")
_NO_ID = _NO_ID.body(_NO_ID.span(span_id=b"short"))


def _json(trace: Trace) -> dict[str, Any]:
    return {
        "resourceSpans": [
            {
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "traceId": span.trace_id.hex(),
                                "spanId": span.span_id.hex(),
                                "parentSpanId": span.parent_span_id.hex(),
                                "name": span.name,
                                "startTimeUnixNano": str(span.start_time_unix_nano),
                                "endTimeUnixNano": span.end_time_unix_nano,
                                "kind": 1,
                                "status": {"code": "STATUS_CODE_OK"},
                                "unknownField": {"x": [1]},
                                "attributes": [
                                    {"key": each.key, "value": {"stringValue": "LLM"}}
                                    for each in span.attributes
                                    if each.key == "openinference.span.kind"
                                ],
                            }
                            for span in trace.spans
                        ]
                    }
                ]
            }
        ]
    }


@pytest.mark.parametrize(
    "content_type",
    ["application/x-protobuf; charset=utf-8", "Application/X-Protobuf", "application/x-protobuf"],
)
async def test_charset_parameter_and_case_of_the_type_do_not_matter(
    intake: Intake, content_type: str
):
    answer = await intake.service.client.post(
        "/v1/traces", content=agent_trace().body(), headers={"content-type": content_type}
    )

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-protobuf"


async def test_json_equals_protobuf_of_a_trace(intake: Intake):
    trace = agent_trace(steps=1)

    answer = await intake.service.client.post(
        "/v1/traces", content=orjson.dumps(_json(trace)), headers=JSON
    )
    await intake.send(trace)

    assert (answer.status_code, answer.content) == (200, b"{}")
    steps = intake.steps(trace)
    assert [step["name"] for step in steps] == ["agent", "ChatCompletion"]
    assert [step["start_ns"] for step in steps] == [
        span.start_time_unix_nano for span in trace.spans
    ]


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def _sizeless_zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_content_size=False).compress(body)


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", lambda body: gzip.compress(body[:99]) + gzip.compress(body[99:])),
        ("deflate", zlib.compress),
        ("deflate", _raw_deflate),
        ("zstd", lambda body: zstandard.compress(body[:99]) + zstandard.compress(body[99:])),
        ("zstd", _sizeless_zstd),
        ("identity", bytes),
    ],
    ids=["gzip_two_members", "zlib", "raw_deflate", "zstd_two_frames", "zstd_no_size", "identity"],
)
async def test_every_encoding_is_read_to_its_end(intake: Intake, encoding: str, packed: object):
    trace = agent_trace()

    answer = await intake.service.client.post(
        "/v1/traces",
        content=packed(trace.body()),  # type: ignore[operator]
        headers={**PROTOBUF, "content-encoding": encoding},
    )

    assert answer.status_code == 200, answer.content
    assert intake.run(trace)["step_count"] == 3


@pytest.mark.parametrize(
    ("headers", "body", "status", "said"),
    [
        ({"content-type": "text/plain"}, b"x", 415, "application/x-protobuf"),
        ({**PROTOBUF, "content-encoding": "br"}, b"x", 415, "gzip, deflate or zstd"),
        (PROTOBUF, b"\xff\xff\xff", 400, "no export request"),
        (JSON, b"[]", 400, "JSON object"),
        (JSON, b'{"resourceSpans": 1}', 400, "`resourceSpans` must be a list"),
        (PROTOBUF, _NO_ID, 400, "id that is not"),
    ],
    ids=["type", "encoding", "bytes", "array", "list", "ids"],
)
async def test_a_refusal_says_which_rule_in_the_format_of_the_request(
    intake: Intake, headers: dict[str, str], body: bytes, status: int, said: str
):
    answer = await intake.service.client.post("/v1/traces", content=body, headers=headers)

    assert answer.status_code == status
    if headers["content-type"] == "application/json":
        assert said in answer.json()["message"]
    else:
        assert said in Status.FromString(answer.content).message


async def test_partial_success_counts_spans_that_are_rejected_alone(intake: Intake):
    trace = agent_trace(steps=1)
    trace.span(span_id=b"\0" * 8)
    trace.span(span_id=b"five!")

    answer = await intake.service.client.post("/v1/traces", content=trace.body(), headers=PROTOBUF)

    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_spans) == (200, 2)
    assert "2 with an id that is not 16 and 8 bytes" in partial.error_message


async def test_hex_ids_of_json_may_be_upper_case_and_bad_ones_cost_their_span_alone(intake: Intake):
    trace = agent_trace(steps=1)
    body = _json(trace)
    spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans[0]["traceId"] = spans[0]["traceId"].upper()
    spans.append({**spans[1], "spanId": "c3BhbiBpZA=="})  # base64, as of protobuf's own JSON

    answer = await intake.service.client.post(
        "/v1/traces", content=orjson.dumps(body), headers=JSON
    )

    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert intake.run(trace)["step_count"] == 2


async def test_int64_string_and_number_are_the_same_time(intake: Intake):
    trace = agent_trace(steps=1)
    body = _json(trace)
    for span in body["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        span["startTimeUnixNano"] = int(span["startTimeUnixNano"])
        span["endTimeUnixNano"] = str(span["endTimeUnixNano"])

    await intake.service.client.post("/v1/traces", content=orjson.dumps(body), headers=JSON)

    assert [(step["start_ns"], step["end_ns"]) for step in intake.steps(trace)] == [
        (span.start_time_unix_nano, span.end_time_unix_nano) for span in trace.spans
    ]


async def test_all_spans_bad_is_400_that_names_the_rule(intake: Intake):
    trace = Trace()
    for size in (0, 7, 9):
        trace.span(span_id=b"x" * size or b"\0" * 8)

    answer = await intake.service.client.post("/v1/traces", content=trace.body(), headers=PROTOBUF)

    said = Status.FromString(answer.content).message
    assert (answer.status_code, "3 with an id that is not 16 and 8 bytes" in said) == (400, True)


async def test_logs_sent_to_traces_are_told_where_to_go(intake: Intake):
    trace = agent_trace()
    body = trace.log(trace.spans[0], "gen_ai.choice").SerializeToString()

    answer = await intake.service.client.post("/v1/traces", content=body, headers=PROTOBUF)

    assert answer.status_code == 400
    assert "/v1/logs" in Status.FromString(answer.content).message


async def test_metrics_are_not_served_and_say_how_to_stop(intake: Intake):
    answer = await intake.service.client.post("/v1/metrics", content=b"", headers=PROTOBUF)

    assert answer.status_code == 404
    assert "OTEL_METRICS_EXPORTER=none" in Status.FromString(answer.content).message


async def test_an_empty_request_is_a_success(intake: Intake):
    answer = await intake.service.client.post("/v1/traces", content=b"", headers=PROTOBUF)

    assert (answer.status_code, answer.content) == (200, b"")


async def test_16_equal_batches_at_once_are_stored_once(intake: Intake):
    trace = agent_trace(steps=5)

    await asyncio.gather(*(intake.send(trace) for _ in range(16)))

    run = intake.run(trace)
    assert (run["head"], run["step_count"]) == (11, 6)
    stored = intake.rows(f"select count(*) from event where run_id = '{run['run_id']}'")
    assert stored == [{"count": 12}]


async def test_same_id_other_body_changes_nothing(intake: Intake):
    trace = Trace()
    span = trace.span("first")
    await intake.send(trace)
    span.end_time_unix_nano += 1

    await intake.send(trace)

    assert intake.steps(trace)[0]["end_ns"] == span.end_time_unix_nano - 1
