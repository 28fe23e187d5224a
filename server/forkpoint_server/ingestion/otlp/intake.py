"""The door's work for one request: assemble, seal, store in one transaction, then tell.

When `take` returns, everything it accepted is committed. Nothing is left to a task or a queue in
memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import zstandard

from forkpoint_server import telemetry
from forkpoint_server.db.engine import Database, Driver, driver
from forkpoint_server.errors import BadRequest, LimitExceeded
from forkpoint_server.ingestion.conflicts import audit_counts
from forkpoint_server.ingestion.otlp.assemble import Assembled, TraceRows, assemble
from forkpoint_server.ingestion.otlp.columns import Columns, add_trace
from forkpoint_server.ingestion.otlp.decode import Form, Group, Signal, advice, read_groups
from forkpoint_server.ingestion.otlp.failures import Busy
from forkpoint_server.ingestion.otlp.records import assemble_records
from forkpoint_server.ingestion.otlp.store import (
    LockedRun,
    Staged,
    have_derived,
    insert_runs,
    known_spans,
    lock_runs,
    stage,
    staged_bytes,
    update_runs,
    write_columns,
)
from forkpoint_server.live.publish import Publisher
from forkpoint_server.security.principals import Principal
from forkpoint_server.security.sealing import Sealer
from forkpoint_server.settings import OtlpLimits

BACKLOG_S = 5.0
"""How long the sum of what waits is believed."""
KEY_S = 60.0
"""How long the public key of the workers is believed without asking again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a request."""

    rejected: int
    message: str
    """Empty if all of it was taken."""
    duplicates: int = 0
    conflicts: int = 0
    job: int | None = None
    """A job that a worker may be woken for."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A request ready to be stored: rows assembled, content compressed and sealed."""

    assembled: Assembled
    bodies: list[Staged]
    key_id: str


class OtlpIntake:
    """One for each process: it knows the workers' key, and how far they are behind."""

    def __init__(
        self,
        database: Database,
        limits: OtlpLimits,
        *,
        clock: Callable[[], int],
        steady: Callable[[], float],
    ) -> None:
        self.limits = limits
        self._database = database
        self._clock = clock
        self._steady = steady
        self._key: bytes | None = None
        self._key_at = 0.0
        self._backlogs: dict[int, tuple[float, int]] = {}

    async def take(
        self, principal: Principal, body: bytes, *, form: Form, signal: Signal, live: Publisher
    ) -> Taken:
        """Store a request. Raises `BadRequest`, `LimitExceeded`, `Overloaded`."""
        key = await self._public_key()
        now_ns = self._clock()
        sealed = await asyncio.to_thread(
            self._prepare, principal.project_id, body, form, signal, key, now_ns
        )
        refused = sealed.assembled.refused
        if not sealed.assembled.traces:
            if refused.count:
                text = f"nothing was taken; {refused.message()}; a body"
                raise BadRequest(advice(text, signal), field="body")
            return Taken(rejected=0, message="")
        columns, job = await self._store(principal, sealed, signal, now_ns)
        await live.published_all(
            {
                run_id: (change.first, change.head)
                for run_id, change in columns.runs.items()
                if change.head >= change.first
            }
        )
        changes = columns.runs.values()
        conflicts = sum(change.conflicts for change in changes)
        telemetry.otlp_items.labels(signal=signal.value).inc(sealed.assembled.spans)
        telemetry.otlp_conflicts.inc(conflicts)
        return Taken(
            rejected=refused.count,
            message=refused.message(),
            duplicates=sum(change.duplicates for change in changes),
            conflicts=conflicts,
            job=job,
        )

    def _prepare(
        self, project_id: int, body: bytes, form: Form, signal: Signal, key: bytes, now_ns: int
    ) -> Sealed:
        """All that needs no database; runs in a thread beside the loop."""
        groups = read_groups(body, form=form, signal=signal)
        if sum(len(group.items) for group in groups) > self.limits.spans:
            raise LimitExceeded("otlp.spans", self.limits.spans)
        assembled = self._assembled(groups, project_id, signal, now_ns)
        sealer = Sealer(key)
        bodies = [_sealed(trace, sealer) for trace in sorted(assembled.traces, key=_by_run)]
        return Sealed(assembled, bodies, sealer.key_id)

    def _assembled(
        self, groups: Sequence[Group], project_id: int, signal: Signal, now_ns: int
    ) -> Assembled:
        if signal is Signal.LOGS:
            return assemble_records(groups, project_id=project_id)
        return assemble(groups, project_id=project_id, limits=self.limits, now_ns=now_ns)

    async def _store(
        self, principal: Principal, sealed: Sealed, signal: Signal, now_ns: int
    ) -> tuple[Columns, int | None]:
        traces, project_id = sealed.assembled.traces, principal.project_id
        async with self._database.transaction(project_id) as connection:
            raw = await driver(connection)
            await self._check_backlog(raw, project_id)
            opened = await insert_runs(
                raw, traces, project_id=project_id, sdk="otel", now_ns=now_ns
            )
            runs = await lock_runs(raw, traces, opened=opened)
            self._check_sizes(traces, runs)
            columns = await _columns(raw, traces, runs)
            await write_columns(raw, columns)
            await stage(
                raw,
                sealed.bodies,
                project_id=project_id,
                signal=signal.value,
                key_id=sealed.key_id,
                now_ns=now_ns,
            )
            recognised = {trace.run_id for trace in traces if trace.recognised}
            await update_runs(raw, columns.runs, recognised=recognised, now_ns=now_ns)
            job = await have_derived(raw, columns.runs, project_id=project_id)
            counts = {run_id: change.conflicts for run_id, change in columns.runs.items()}
            await audit_counts(raw, principal, counts, now_ns=now_ns)
        return columns, job

    def _check_sizes(self, traces: Sequence[TraceRows], runs: dict[str, LockedRun]) -> None:
        for trace in traces:
            if runs[trace.run_id].steps + len(trace.spans) > self.limits.steps:
                raise LimitExceeded("otlp.steps", self.limits.steps)

    async def _check_backlog(self, raw: Driver, project_id: int) -> None:
        """Raise `Busy` while the workers are too far behind; looked at every few seconds."""
        now = self._steady()
        seen_at, waiting = self._backlogs.get(project_id, (0.0, 0))
        if project_id not in self._backlogs or now - seen_at > BACKLOG_S:
            waiting = await staged_bytes(raw, project_id)
            self._backlogs[project_id] = (now, waiting)
        if waiting > self.limits.staged:
            raise Busy("the workers are too far behind; send it again")

    async def _public_key(self) -> bytes:
        """The newest key of the workers. Raises `Busy` if none has ever started."""
        now = self._steady()
        if self._key is None or now - self._key_at > KEY_S:
            async with self._database.crossing() as connection:
                raw = await driver(connection)
                self._key = await raw.fetchval(
                    "select public from sealing_key order by created_ns desc, key_id limit 1"
                )
            self._key_at = now
        if self._key is None:
            raise Busy("no worker has started yet, so content cannot be sealed; send it again")
        return self._key


async def _columns(raw: Driver, traces: Sequence[TraceRows], runs: dict[str, LockedRun]) -> Columns:
    older = [trace for trace in traces if not runs[trace.run_id].is_new]
    known = await known_spans(raw, older)
    columns = Columns()
    for trace in traces:
        run = runs[trace.run_id]
        add_trace(columns, trace, head=run.head, known=known.get(trace.run_id, {}))
    return columns


def _sealed(trace: TraceRows, sealer: Sealer) -> Staged:
    packed = zstandard.ZstdCompressor(level=1).compress(trace.body())
    items = sum(len(part[2]) for part in trace.parts)
    return Staged(trace.run_id, items, sealer.seal(packed, place=trace.run_id))


def _by_run(trace: TraceRows) -> bytes:
    return trace.run
