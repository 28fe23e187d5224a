"""Traces as OpenTelemetry exporters send them, for tests: made from a few words a span."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

BEGIN_NS = 1_790_000_000_123_456_789
MS = 1_000_000
PROTOBUF = {"content-type": "application/x-protobuf"}


def any_value(value: object) -> AnyValue:
    """A Python value as OTLP has it."""
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, Mapping):
        made = AnyValue()
        made.kvlist_value.values.extend(key_values(value))
        return made
    made = AnyValue()
    if value is not None:
        made.array_value.values.extend(any_value(each) for each in value)  # type: ignore[union-attr]
    return made


def key_values(values: Mapping[str, object]) -> list[KeyValue]:
    """Attributes."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


@dataclass(slots=True)
class Trace:
    """One trace in the making; spans get times one after the other unless told."""

    trace_id: bytes = field(default_factory=lambda: os.urandom(16))
    spans: list[Span] = field(default_factory=list[Span])
    resource: Mapping[str, object] = field(default_factory=lambda: {"service.name": "shop"})

    def span(
        self,
        name: str = "chat",
        *,
        parent: Span | bytes | None = None,
        at: int | None = None,
        lasts: int | None = 5,
        error: str | None = None,
        events: Sequence[tuple[str, Mapping[str, object]]] = (),
        span_id: bytes | None = None,
        **attributes: Any,
    ) -> Span:
        """Add a span; `at` and `lasts` in ms after the beginning, `lasts=None` leaves it open."""
        begin = BEGIN_NS + (len(self.spans) * 10 if at is None else at) * MS
        parent_id = parent.span_id if isinstance(parent, Span) else parent or b""
        made = Span(
            trace_id=self.trace_id,
            span_id=span_id or os.urandom(8),
            parent_span_id=parent_id,
            name=name,
            start_time_unix_nano=begin,
            end_time_unix_nano=0 if lasts is None else begin + lasts * MS,
            attributes=key_values(attributes.pop("attributes", {}) | attributes),
        )
        for event, values in events:
            made.events.add(name=event, time_unix_nano=begin, attributes=key_values(values))
        if error is not None:
            made.status.code, made.status.message = 2, error
        self.spans.append(made)
        return made

    def request(self, *spans: Span) -> ExportTraceServiceRequest:
        """Some of its spans as a request, or all."""
        made = ExportTraceServiceRequest()
        group = made.resource_spans.add()
        group.resource.attributes.extend(key_values(self.resource))
        scope = group.scope_spans.add()
        scope.scope.name = "tests"
        scope.spans.extend(spans or self.spans)
        return made

    def body(self, *spans: Span) -> bytes:
        """As `request`, encoded."""
        return self.request(*spans).SerializeToString()

    def log(self, span: Span, name: str, **attributes: object) -> ExportLogsServiceRequest:
        """A log record about a span."""
        made = ExportLogsServiceRequest()
        record = LogRecord(
            trace_id=self.trace_id,
            span_id=span.span_id,
            event_name=name,
            time_unix_nano=span.start_time_unix_nano,
            attributes=key_values(attributes),
        )
        made.resource_logs.add().scope_logs.add().log_records.append(record)
        return made


def agent_trace(*, steps: int = 2) -> Trace:
    """A root with some model calls below it, as OpenInference writes them."""
    trace = Trace()
    root = trace.span(
        "agent", at=0, lasts=10 * steps + 5, attributes={"openinference.span.kind": "AGENT"}
    )
    for number in range(steps):
        trace.span(
            "ChatCompletion",
            parent=root,
            at=10 * number + 1,
            attributes={
                "openinference.span.kind": "LLM",
                "llm.model_name": "gpt-5",
                "llm.input_messages.0.message.role": "user",
                "llm.input_messages.0.message.content": f"question {number}",
                "llm.output_messages.0.message.role": "assistant",
                "llm.output_messages.0.message.content": f"answer {number}",
                "llm.token_count.prompt": 10,
                "llm.token_count.completion": 3,
                "llm.invocation_parameters": '{"temperature": 0}',
            },
        )
    return trace
