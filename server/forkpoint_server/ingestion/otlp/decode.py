"""A request body in either format as its parts: resource and scope, items parsed and raw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from forkpoint_server.errors import BadRequest
from forkpoint_server.ingestion.otlp.failures import UnsupportedMediaType
from forkpoint_server.ingestion.otlp.json_form import JsonMistake, read_json_form
from forkpoint_server.ingestion.otlp.wire import Frame, Malformed, groups


class Signal(StrEnum):
    """What a request carries."""

    TRACES = "traces"
    LOGS = "logs"


class Form(StrEnum):
    """How it is written; answers are written the same way."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Group:
    """Items that share resource and scope; `items[i]` is where `parsed[i]` lies in the body."""

    body: bytes
    resource: bytes
    scope: bytes
    items: list[Frame]
    parsed: Any
    """Spans or log records; None for one that the parser does not take."""


def form_of(content_type: str) -> Form:
    """The format of a body; parameters and case do not matter. Raises `UnsupportedMediaType`."""
    plain = content_type.partition(";")[0].strip().lower()
    try:
        return Form(plain)
    except ValueError:
        raise UnsupportedMediaType(
            "send application/x-protobuf or application/json", field="content-type"
        ) from None


def read_groups(body: bytes, *, form: Form, signal: Signal) -> list[Group]:
    """The body taken apart. Raises `BadRequest` that says which rule it breaks."""
    request: Any = (
        ExportTraceServiceRequest() if signal is Signal.TRACES else ExportLogsServiceRequest()
    )
    try:
        if form is Form.JSON:
            read_json_form(body, request)
            body = request.SerializeToString()
            request.Clear()
        try:
            request.ParseFromString(body)
        except DecodeError:
            return _one_by_one(body, signal)
        return list(_paired(body, request, signal))
    except (DecodeError, Malformed):
        raise BadRequest(advice("the body is no export request", signal), field="body") from None
    except JsonMistake as mistake:
        raise BadRequest(f"{mistake}; see the OTLP JSON encoding", field="body") from None


def answer_of(signal: Signal, *, rejected: int, message: str) -> Message:
    """The response: empty when all was taken."""
    if signal is Signal.TRACES:
        answer: Any = ExportTraceServiceResponse()
        if rejected or message:
            answer.partial_success.rejected_spans = rejected
    else:
        answer = ExportLogsServiceResponse()
        if rejected or message:
            answer.partial_success.rejected_log_records = rejected
    if message:
        answer.partial_success.error_message = message
    return answer


def _paired(body: bytes, request: Any, signal: Signal) -> Iterator[Group]:
    raw = groups(body)
    outer = request.resource_spans if signal is Signal.TRACES else request.resource_logs
    for resource in outer:
        inner = resource.scope_spans if signal is Signal.TRACES else resource.scope_logs
        for scope in inner:
            parsed = scope.spans if signal is Signal.TRACES else scope.log_records
            shared, named, items = next(raw)
            if len(items) != len(parsed):
                raise Malformed("the frames of the body disagree with its parse")
            yield Group(body, shared, named, items, parsed)


def _one_by_one(body: bytes, signal: Signal) -> list[Group]:
    """As `_paired`, of a body in which something cannot be parsed: it costs its own item alone."""
    kind: Any = Span if signal is Signal.TRACES else LogRecord
    found: list[Group] = []
    for resource, scope, items in groups(body):
        Resource.FromString(resource)
        InstrumentationScope.FromString(scope)
        parsed = [_parsed(kind, body[begin:end]) for begin, end in items]
        found.append(Group(body, resource, scope, items, parsed))
    if not any(each is not None for group in found for each in group.parsed):
        raise Malformed("nothing in the body can be parsed")
    return found


def _parsed(kind: Any, raw: bytes) -> Any:
    try:
        return kind.FromString(raw)
    except DecodeError:
        return None


def advice(text: str, signal: Signal) -> str:
    """A refusal of a whole body, with where it may belong."""
    other = "/v1/logs" if signal is Signal.TRACES else "/v1/traces"
    return f"{text} of this signal: check the exporter's endpoint (this looks like {other} data?)"
