"""Log records that say something about a span: prompts, answers, exceptions, evaluations. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from forkpoint_server.ingestion.otlp.assemble import UNREADABLE, Assembled, Refused, TraceRows
from forkpoint_server.ingestion.otlp.decode import Group
from forkpoint_server.ingestion.otlp.identity import SPAN_BYTES, TRACE_BYTES, run_id_of
from forkpoint_server.ingestion.otlp.oddities import may_be_odd, oddity

EVENT_NAMES = frozenset(
    (
        "gen_ai.client.inference.operation.details",
        "gen_ai.client.operation.exception",
        "gen_ai.evaluation.result",
        "gen_ai.system.message",
        "gen_ai.user.message",
        "gen_ai.assistant.message",
        "gen_ai.tool.message",
        "gen_ai.choice",
        "gen_ai.content.prompt",
        "gen_ai.content.completion",
        "exception",
    )
)
"""Names of events that are read, whether they come as log records or as events of a span."""


def event_name(record: Any) -> str:
    """`LogRecord.event_name`, else the attribute `event.name` of older senders."""
    if record.event_name:
        return record.event_name
    for each in record.attributes:
        if each.key == "event.name":
            return each.value.string_value
    return ""


def assemble_records(groups: Sequence[Group], *, project_id: int) -> Assembled:
    """Sort the records of a request by trace; those of no known name are ignored, and counted."""
    traces: dict[bytes, TraceRows] = {}
    refused = Refused()
    count = 0
    odd = bool(groups) and may_be_odd(groups[0].body)
    for group in groups:
        view = memoryview(group.body)
        by_trace: dict[bytes, list[memoryview]] = {}
        for frame, record in zip(group.items, group.parsed, strict=True):
            if record is not None and event_name(record) not in EVENT_NAMES:
                continue
            count += 1
            mistake = UNREADABLE if record is None else _mistake(record, odd=odd)
            if mistake is not None:
                refused.add(mistake, "a log record" if record is None else event_name(record))
                continue
            trace_id: bytes = cast("Any", record).trace_id
            if trace_id not in traces:
                run_id = run_id_of(project_id, trace_id)
                raw_id = bytes.fromhex(run_id.replace("-", ""))
                traces[trace_id] = TraceRows(run_id, raw_id, trace_id)
            trace = traces[trace_id]
            trace.recognised = True
            if trace_id not in by_trace:
                by_trace[trace_id] = []
                trace.parts.append((group.resource, group.scope, by_trace[trace_id]))
            by_trace[trace_id].append(view[slice(*frame)])
    return Assembled(list(traces.values()), refused, count)


def _mistake(record: Any, *, odd: bool) -> str | None:
    """Why a record is refused alone; None if it is not."""
    if len(record.trace_id) != TRACE_BYTES or len(record.span_id) != SPAN_BYTES:
        return "without trace and span id"
    return oddity(record) if odd else None
