"""Spans of one request become runs with steps, in columns, without a look at their content. Pure.

This is the acknowledged path: what it does for a span is done ten thousand times a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from asyncpg.pgproto.pgproto import UUID  # pyright: ignore[reportMissingTypeStubs]
from forkpoint.events.kinds import Kind

from forkpoint_server.ingestion.flags import StepFlag
from forkpoint_server.ingestion.otlp.decode import Group
from forkpoint_server.ingestion.otlp.identity import (
    SPAN_BYTES,
    TRACE_BYTES,
    run_id_of,
    step_id_bytes,
)
from forkpoint_server.ingestion.otlp.mapping.first_look import is_pending, seems
from forkpoint_server.ingestion.otlp.names import masked_name
from forkpoint_server.ingestion.otlp.oddities import may_be_odd, oddity
from forkpoint_server.ingestion.otlp.pending import opened_parent
from forkpoint_server.ingestion.otlp.wire import Frame, field_of, joined
from forkpoint_server.settings import OtlpLimits

UNREADABLE = "that cannot be parsed, or are nested too deep"
_SPAN_ID_TAG = 0x12
_KIND_INDEX = {kind: index for index, kind in enumerate(Kind)}
_CUSTOM = _KIND_INDEX[Kind.CUSTOM]
_NO_PARENT = (b"", b"\0" * SPAN_BYTES)
_INT64 = 2**63 - 1
_YEAR_2000_NS = 946_684_800 * 10**9
_HOUR_NS = 3600 * 10**9
_ERROR_STATUS = 2
_ERROR, _SUSPECT = int(StepFlag.ERROR), int(StepFlag.CLOCK_SUSPECT)
RUNNING, OK, FAILED = "running", "ok", "error"


@dataclass(slots=True)
class SpanRow:
    """What the door keeps of a span: ids, times, kind, status, name."""

    step: bytes
    parent: bytes | None
    """Step id of the parent, 16 bytes; None for a root."""
    kind: int
    name: str
    start_ns: int
    end_ns: int
    """0: the span is still open."""
    status: str
    flags: int


@dataclass(slots=True)
class TraceRows:
    """One trace of a request: its rows by step id, and its spans as they came."""

    run_id: str
    run: bytes
    trace_id: bytes
    spans: dict[bytes, SpanRow] = field(default_factory=dict[bytes, SpanRow])
    parts: list[tuple[bytes, bytes, list[memoryview]]] = field(
        default_factory=list[tuple[bytes, bytes, list[memoryview]]]
    )
    """(resource, scope, encoded spans)"""
    ids: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    """Step ids by span id, as far as they were needed."""
    recognised: bool = False
    """Whether a span says that it is part of an agent."""
    repeated: int = 0

    def body(self) -> bytes:
        """The spans of this trace as an export request of their own."""
        return b"".join(piece for part in self.parts for piece in joined(*part))

    def step(self, span_id: bytes) -> bytes:
        """The step of a span: a parent is asked for once for each of its children."""
        found = self.ids.get(span_id)
        if found is None:
            found = self.ids[span_id] = step_id_bytes(self.run, span_id)
        return found

    @property
    def uuid(self) -> UUID:
        """The run id as the driver takes it fastest."""
        return UUID(self.run)


@dataclass(slots=True)
class Refused:
    """Items of a request that are not taken, by reason."""

    reasons: Counter[str] = field(default_factory=Counter[str])
    first: str = ""

    def add(self, reason: str, item: str) -> None:
        """Count one; the first is named in the answer."""
        self.first = self.first or item
        self.reasons[reason] += 1

    @property
    def count(self) -> int:
        """How many."""
        return self.reasons.total()

    def message(self) -> str:
        """One line for the sender: counts by reason, and one id to look for."""
        if not self.reasons:
            return ""
        counts = ", ".join(f"{count} {reason}" for reason, count in sorted(self.reasons.items()))
        return f"rejected: {counts}; first: {self.first}"


@dataclass(frozen=True, slots=True)
class Assembled:
    """A request as traces, with what was refused of it."""

    traces: list[TraceRows]
    refused: Refused
    spans: int


def assemble(
    groups: Sequence[Group], *, project_id: int, limits: OtlpLimits, now_ns: int
) -> Assembled:
    """Sort the spans of a request by trace."""
    traces: dict[bytes, TraceRows] = {}
    refused = Refused()
    count = 0
    odd = bool(groups) and may_be_odd(groups[0].body)
    for group in groups:
        body, view = group.body, memoryview(group.body)
        by_trace: dict[bytes, list[memoryview]] = {}
        for frame, span in zip(group.items, group.parsed, strict=True):
            count += 1
            mistake = _mistake(span, frame, limits) or (oddity(span) if odd else None)
            if mistake is not None:
                refused.add(mistake, _named(span, body[slice(*frame)]))
                continue
            trace_id = span.trace_id
            trace = traces.get(trace_id)
            if trace is None:
                trace = traces[trace_id] = _trace(project_id, trace_id)
            _take(trace, _row(trace, span, body, frame, now_ns))
            mine = by_trace.get(trace_id)
            if mine is None:
                mine = by_trace[trace_id] = []
                trace.parts.append((group.resource, group.scope, mine))
            mine.append(view[slice(*frame)])
    return Assembled(list(traces.values()), refused, count)


def _named(span: Any, raw: bytes) -> str:
    span_id = field_of(raw, _SPAN_ID_TAG) if span is None else span.span_id
    return span_id.hex()[:32] or "a span without id"


def _trace(project_id: int, trace_id: bytes) -> TraceRows:
    run_id = run_id_of(project_id, trace_id)
    return TraceRows(run_id, bytes.fromhex(run_id.replace("-", "")), trace_id)


def _take(trace: TraceRows, row: SpanRow) -> None:
    known = trace.spans.get(row.step)
    if known is None or (known.end_ns == 0 and row.end_ns):
        trace.spans[row.step] = row
    else:
        trace.repeated += 1


def _row(trace: TraceRows, span: object, body: bytes, frame: Frame, now_ns: int) -> SpanRow:
    # protobuf messages have no types to speak of
    each: _Span = span  # type: ignore[assignment]
    kind = seems(body, *frame)
    if kind is not None:
        trace.recognised = True
    start, end = min(each.start_time_unix_nano, _INT64), min(each.end_time_unix_nano, _INT64)
    span_id, parent_id = each.span_id, each.parent_span_id
    if start == end and is_pending(body, *frame):
        opened = opened_parent(body[slice(*frame)])
        if opened is not None:
            span_id, parent_id, end = parent_id, opened, 0
    failed = each.status.code == _ERROR_STATUS
    suspect = _is_suspect(start, end, now_ns)
    return SpanRow(
        step_id_bytes(trace.run, span_id),
        None if parent_id in _NO_PARENT else trace.step(parent_id),
        _CUSTOM if kind is None else _KIND_INDEX[kind],
        masked_name(each.name),
        start,
        end,
        RUNNING if end == 0 else FAILED if failed else OK,
        (_ERROR if failed and end else 0) | (_SUSPECT if suspect else 0),
    )


def _is_suspect(start: int, end: int, now_ns: int) -> bool:
    """Whether a clock cannot have been right: times are kept as sent all the same."""
    return start < _YEAR_2000_NS or max(start, end) > now_ns + _HOUR_NS or 0 < end < start


def _mistake(span: object, frame: Frame, limits: OtlpLimits) -> str | None:
    """Why a span is refused alone; None if it is not."""
    if span is None:
        return UNREADABLE
    each: _Span = span  # type: ignore[assignment]
    if not (_is_id(each.trace_id, TRACE_BYTES) and _is_id(each.span_id, SPAN_BYTES)):
        return "with an id that is not 16 and 8 bytes, or zero"
    size = frame[1] - frame[0]
    if size > limits.span:
        return f"over {limits.span} bytes (setting `otlp.span`)"
    if size <= 2 * min(limits.attributes, limits.inner):  # two bytes are the least each takes
        return None
    if len(each.attributes) > limits.attributes:
        return f"with over {limits.attributes} attributes (setting `otlp.attributes`)"
    if len(each.events) > limits.inner or len(each.links) > limits.inner:
        return f"with over {limits.inner} events or links (setting `otlp.inner`)"
    return None


def _is_id(value: bytes, size: int) -> bool:
    return len(value) == size and value != b"\0" * size


class _Span:
    """The fields of an OTLP span that the door reads (opentelemetry.proto.trace.v1.Span)."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    name: str
    start_time_unix_nano: int
    end_time_unix_nano: int
    attributes: Sequence[object]
    events: Sequence[object]
    links: Sequence[object]
    status: _Status


class _Status:
    code: int
