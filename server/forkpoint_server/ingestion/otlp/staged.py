"""Sealed bodies on their way out: loaded, opened, unpacked, read as spans and records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import zstandard
from google.protobuf.message import DecodeError
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from forkpoint_server.db.engine import Driver
from forkpoint_server.ingestion.otlp.decode import Signal
from forkpoint_server.ingestion.otlp.mapping.attributes import plain, value_of
from forkpoint_server.ingestion.otlp.mapping.happenings import Happening
from forkpoint_server.ingestion.otlp.records import EVENT_NAMES, event_name
from forkpoint_server.security.sealing import Opener, SealBroken

_ERROR_STATUS = 2
_BODY_LIMIT = 96 << 20


@dataclass(frozen=True, slots=True)
class Stage:
    """A sealed body as stored."""

    stage_id: int
    signal: Signal
    sealed: bytes
    mapped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedSpan:
    """A span with its content, as sent; nothing is redacted."""

    span_id: bytes
    parent_id: bytes
    name: str
    start_ns: int
    failed: bool
    message: str
    attributes: Mapping[str, object]
    happenings: tuple[Happening, ...]
    resource: Mapping[str, object]
    scope: str
    truncated: bool
    """The sender dropped something of it."""
    links: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What was staged for a run: its spans in the order of time, records by span id."""

    spans: Sequence[StagedSpan]
    records: Mapping[bytes, tuple[Happening, ...]]
    broken: int = 0
    """Bodies that did not open."""


async def load_stages(driver: Driver, run_id: str) -> list[Stage]:
    """What a worker must read now: nothing if all was read; all of it if a record came late.

    Index: primary key of `staged_body`.
    """
    rows = await driver.fetch(
        """
        select stage_id, signal, sealed, mapped
        from staged_body
        where run_id = $1
          and exists (select from staged_body as fresh
            where fresh.run_id = $1 and not fresh.mapped)
          and (not mapped or signal = 'logs' or exists (select from staged_body as late
            where late.run_id = $1 and not late.mapped and late.signal = 'logs'))
        order by stage_id
        """,
        run_id,
    )
    return [Stage(row[0], Signal(row[1]), row[2], row[3]) for row in rows]


async def mark_mapped(driver: Driver, run_id: str, stages: Sequence[Stage]) -> bool:
    """Remember that these were read; whether others have come meanwhile."""
    await driver.execute(
        "update staged_body set mapped = true where run_id = $1 and stage_id = any ($2)",
        run_id,
        [stage.stage_id for stage in stages],
    )
    return await driver.fetchval(
        "select exists (select from staged_body where run_id = $1 and not mapped)", run_id
    )


def open_stages(stages: Sequence[Stage], opener: Opener, *, run_id: str) -> Opened:
    """Read sealed bodies; one that does not open is counted and costs nothing else."""
    spans: dict[bytes, StagedSpan] = {}
    records: dict[bytes, list[Happening]] = {}
    broken = 0
    for stage in stages:
        try:
            body = _unpacked(opener.open(stage.sealed, place=run_id))
            if stage.signal is Signal.TRACES:
                for span in _spans(body):
                    _add(spans, span)
            else:
                for span_id, happening in _records(body):
                    records.setdefault(span_id, []).append(happening)
        except (SealBroken, zstandard.ZstdError, DecodeError):
            broken += 1
    ordered = sorted(spans.values(), key=lambda span: (span.start_ns, span.span_id))
    once = {span_id: _once(found) for span_id, found in records.items()}
    return Opened(spans=ordered, records=once, broken=broken)


def _unpacked(packed: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(packed, max_output_size=_BODY_LIMIT)


def _add(spans: dict[bytes, StagedSpan], span: StagedSpan) -> None:
    """The first of a span stays, but one that was open gives way to one that says more."""
    known = spans.get(span.span_id)
    if known is None or len(span.attributes) > len(known.attributes):
        spans[span.span_id] = span


def _once(found: Sequence[Happening]) -> tuple[Happening, ...]:
    """Records in the order of time, each of (name, time, place) once."""
    seen: dict[tuple[str, int, str], Happening] = {}
    for each in found:
        seen.setdefault((each.name, each.time_ns, repr(each.body) + repr(each.attributes)), each)
    return tuple(sorted(seen.values(), key=lambda each: each.time_ns))


def _spans(body: bytes) -> list[StagedSpan]:
    found: list[StagedSpan] = []
    for group in TracesData.FromString(body).resource_spans:
        resource = plain(group.resource.attributes)
        for inner in group.scope_spans:
            found += [_span(span, resource, inner.scope.name) for span in inner.spans]
    return found


def _span(span: Any, resource: Mapping[str, object], scope: str) -> StagedSpan:
    dropped = span.dropped_attributes_count + span.dropped_events_count + span.dropped_links_count
    return StagedSpan(
        span_id=span.span_id,
        parent_id=span.parent_span_id,
        name=span.name,
        start_ns=span.start_time_unix_nano,
        failed=span.status.code == _ERROR_STATUS,
        message=span.status.message,
        attributes=plain(span.attributes),
        happenings=tuple(
            Happening(
                name=event.name,
                time_ns=event.time_unix_nano,
                attributes=plain(event.attributes),
            )
            for event in span.events
        ),
        resource=resource,
        scope=scope,
        truncated=dropped > 0,
        links=len(span.links),
    )


def _records(body: bytes) -> list[tuple[bytes, Happening]]:
    return [
        (
            record.span_id,
            Happening(
                name=event_name(record),
                time_ns=record.time_unix_nano or record.observed_time_unix_nano,
                attributes=plain(record.attributes),
                body=value_of(record.body),
            ),
        )
        for group in LogsData.FromString(body).resource_logs
        for inner in group.scope_logs
        for record in inner.log_records
        if event_name(record) in EVENT_NAMES
    ]
