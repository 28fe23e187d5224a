"""The rows of one request as columns: events in arrival order, steps, ends of open steps. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import orjson
from asyncpg.pgproto.pgproto import UUID  # pyright: ignore[reportMissingTypeStubs]
from forkpoint.events.kinds import Kind

from forkpoint_server.ingestion.flags import StepFlag
from forkpoint_server.ingestion.otlp.assemble import FAILED, RUNNING, SpanRow, TraceRows
from forkpoint_server.ingestion.rows import StepEnd

STARTED, ENDED = "step_started", "step_ended"
_KINDS = [kind.value for kind in Kind]
_RUNNING = int(StepFlag.RUNNING)
_START_BODY = (
    b'{"event_type":"step_started","run_id":"%b","sequence_no":%d,"time_ns":%d,"step_id":"%b",'
    b'"kind":"%b","name":%b,"key":"r#%d"%b}'
)
_END_BODY = (
    b'{"event_type":"step_ended","run_id":"%b","sequence_no":%d,"time_ns":%d,"step_id":"%b",'
    b'"status":"%b"}'
)


@dataclass(frozen=True, slots=True)
class KnownSpan:
    """A step as it is stored."""

    start_ns: int
    end_ns: int | None
    """None while it is open."""
    status: str

    def differs(self, row: SpanRow) -> bool:
        """Whether a repetition says something else of a finished step."""
        return self.start_ns != row.start_ns or self.end_ns != ended_at(row)


@dataclass(slots=True)
class RunChange:
    """What a request adds to one run."""

    first: int
    """The first `seq` it gives."""
    head: int
    steps: int = 0
    errors: int = 0
    stored_bytes: int = 0
    started_ns: int = 2**63 - 1
    ended_ns: int = 0
    root_name: str | None = None
    duplicates: int = 0
    conflicts: int = 0


@dataclass(slots=True)
class Columns:
    """Column lists as `store` names them; `runs` says what changed by run id."""

    event: tuple[list[object], ...] = field(default_factory=lambda: tuple([] for _ in range(6)))
    """run, seq, type, step, time, body"""
    step: tuple[list[object], ...] = field(default_factory=lambda: tuple([] for _ in range(11)))
    """run, step, seq, end seq, parent, kind, name, status, start, end, flags"""
    ends: list[StepEnd] = field(default_factory=list[StepEnd])
    """Of steps that were stored before."""
    runs: dict[str, RunChange] = field(default_factory=dict[str, RunChange])


def add_trace(
    columns: Columns, trace: TraceRows, *, head: int, known: Mapping[bytes, KnownSpan]
) -> RunChange:
    """Number what is new of a trace, in the order of time, and add its rows."""
    change = RunChange(first=head + 1, head=head, duplicates=trace.repeated)
    columns.runs[trace.run_id] = change
    moments: list[tuple[int, int, int, SpanRow]] = []
    for number, row in enumerate(trace.spans.values()):
        stored = known.get(row.step)
        if stored is None:
            moments.append((row.start_ns, 0, number, row))
        elif stored.end_ns is not None or row.end_ns == 0:
            change.duplicates += 1
            change.conflicts += bool(row.end_ns and stored.differs(row))
            continue
        if row.end_ns:
            moments.append((max(row.start_ns, row.end_ns), 1, number, row))
    moments.sort()
    _number(columns, trace, change, moments)
    return change


def ended_at(row: SpanRow) -> int | None:
    """The end as a step has it: never before its start, None while it is open."""
    return max(row.start_ns, row.end_ns) if row.end_ns else None


def _number(
    columns: Columns,
    trace: TraceRows,
    change: RunChange,
    moments: list[tuple[int, int, int, SpanRow]],
) -> None:
    run, run_text = trace.uuid, trace.run_id.encode()
    started: dict[bytes, tuple[int, UUID]] = {}
    ends: dict[bytes, int] = {}
    seq = change.head
    for at_ns, phase, _, row in moments:
        seq += 1
        begun = started.get(row.step)
        step = UUID(row.step) if begun is None else begun[1]
        if phase == 0:
            started[row.step] = (seq, step)
            body = _start_body(run_text, step, row, seq)
        else:
            ends[row.step] = seq
            body = _END_BODY % (run_text, seq, row.end_ns, _text(step), row.status.encode())
            if begun is None:
                _close(columns, trace.run_id, step, row, seq)
            change.errors += row.status == FAILED
        change.stored_bytes += len(body)
        _event(columns, run, seq, STARTED if phase == 0 else ENDED, step, at_ns, body)
    change.head = seq
    for step_id, (begin, step) in started.items():
        _step(columns, run, step, trace.spans[step_id], begin, ends.get(step_id), change)


def _start_body(run: bytes, step: UUID, row: SpanRow, seq: int) -> bytes:
    parent = b"" if row.parent is None else b',"parent_id":"%b"' % _text(UUID(row.parent))
    return _START_BODY % (
        run,
        seq,
        row.start_ns,
        _text(step),
        _KINDS[row.kind].encode(),
        _quoted(row.name),
        seq,
        parent,
    )


def _event(
    columns: Columns, run: UUID, seq: int, kind: str, step: UUID, at_ns: int, body: bytes
) -> None:
    runs, seqs, types, steps, times, bodies = columns.event
    runs.append(run)
    seqs.append(seq)
    types.append(kind)
    steps.append(step)
    times.append(at_ns)
    bodies.append(body)


def _step(
    columns: Columns,
    run: UUID,
    step: UUID,
    row: SpanRow,
    begin: int,
    end: int | None,
    change: RunChange,
) -> None:
    values = (
        run,
        step,
        begin,
        end,
        None if row.parent is None else UUID(row.parent),
        row.kind,
        row.name,
        row.status,
        row.start_ns,
        ended_at(row),
        row.flags | (_RUNNING if row.status == RUNNING else 0),
    )
    for column, value in zip(columns.step, values, strict=True):
        column.append(value)
    change.steps += 1
    change.ended_ns = max(change.ended_ns, row.start_ns, row.end_ns)
    if row.start_ns < change.started_ns:
        change.started_ns = row.start_ns
    if row.parent is None:
        change.root_name = row.name


def _close(columns: Columns, run: str, step: UUID, row: SpanRow, seq: int) -> None:
    columns.ends.append(
        StepEnd(
            run_id=run,
            step_id=str(step),
            end_seq=seq,
            end_ns=max(row.start_ns, row.end_ns),
            status=row.status,
            flags=row.flags,
        )
    )


def _text(step: UUID) -> bytes:
    return str(step).encode()


@lru_cache(maxsize=8192)
def _quoted(name: str) -> bytes:
    return orjson.dumps(name)
