"""The statements of the acknowledged path: a fixed number for a request, whatever it holds.

Locks are taken in the order of run ids. Nothing here reads or writes content but sealed bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from asyncpg.pgproto.pgproto import UUID  # pyright: ignore[reportMissingTypeStubs]
from forkpoint.events.model import RunStart
from forkpoint.events.wire import encode

from forkpoint_server.db.bulk import PROJECT, Target, insert_columns
from forkpoint_server.db.engine import Driver
from forkpoint_server.ingestion.otlp.assemble import TraceRows
from forkpoint_server.ingestion.otlp.columns import Columns, KnownSpan, RunChange
from forkpoint_server.ingestion.writer import end_steps
from forkpoint_server.jobs.names import JobKind


@dataclass(frozen=True, slots=True)
class LockedRun:
    """A run under its lock."""

    head: int
    steps: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Staged:
    """The sealed content of one (request, run)."""

    run_id: str
    items: int
    sealed: bytes


async def insert_runs(
    driver: Driver, traces: Sequence[TraceRows], *, project_id: int, sdk: str | None, now_ns: int
) -> set[str]:
    """Open the runs that are not there; the ids of those that were opened now."""
    ordered = sorted(traces, key=lambda trace: trace.run)
    starts = [_start(trace, sdk, now_ns) for trace in ordered]
    rows = await driver.fetch(
        """
        insert into run (
          run_id, project_id, name, started_ns, received_ns, ordering, identity, sdk,
          start_record, intake, plain, otel)
        select run_id, $1, name, started_ns, $2, 'derived', 'derived', $3, record, 'otlp', true,
          jsonb_build_object('traceId', trace_id)
        from unnest($4::uuid[], $5::text[], $6::bigint[], $7::bytea[], $8::text[])
          as new (run_id, name, started_ns, record, trace_id)
        on conflict (run_id) do nothing
        returning run_id::text
        """,
        project_id,
        now_ns,
        sdk,
        [trace.uuid for trace in ordered],
        [start.name for start in starts],
        [start.started_ns for start in starts],
        [encode(start) for start in starts],
        [trace.trace_id.hex() for trace in ordered],
    )
    return {row[0] for row in rows}


async def lock_runs(
    driver: Driver, traces: Sequence[TraceRows], *, opened: Collection[str]
) -> dict[str, LockedRun]:
    """Lock and read the runs of a request. Index: primary key of `run`."""
    rows = await driver.fetch(
        """
        select run_id::text, head, step_count
        from run
        where run_id = any ($1::uuid[])
        order by run_id
        for update
        """,
        [trace.uuid for trace in traces],
    )
    return {row[0]: LockedRun(row[1], row[2], row[0] in opened) for row in rows}


async def known_spans(
    driver: Driver, traces: Sequence[TraceRows]
) -> dict[str, dict[bytes, KnownSpan]]:
    """The steps of these runs that a request speaks of. Index: primary key of `step`."""
    known: dict[str, dict[bytes, KnownSpan]] = {}
    if not traces:
        return known
    rows = await driver.fetch(
        """
        select run_id::text, step_id, start_ns, end_ns, status, end_seq is not null
        from step
        where run_id = any ($1::uuid[])
          and step_id = any ($2::uuid[])
        """,
        [trace.uuid for trace in traces],
        [UUID(step) for trace in traces for step in trace.spans],
    )
    for row in rows:
        ended = row[3] if row[5] else None
        known.setdefault(row[0], {})[row[1].bytes] = KnownSpan(row[2], ended, row[4])
    return known


async def write_columns(driver: Driver, columns: Columns) -> None:
    """Insert events and steps, close the steps that were open."""
    await insert_columns(driver, _EVENTS, columns.event)
    await insert_columns(driver, _STEPS, columns.step)
    await end_steps(driver, columns.ends)


async def stage(
    driver: Driver,
    staged: Sequence[Staged],
    *,
    project_id: int,
    signal: str,
    key_id: str,
    now_ns: int,
) -> None:
    """Keep sealed bodies until a worker has read them."""
    await driver.execute(
        """
        insert into staged_body (run_id, project_id, signal, items, key_id, sealed, received_ns)
        select run_id, $1, $2, items, $3, sealed, $4
        from unnest($5::uuid[], $6::int[], $7::bytea[]) as new (run_id, items, sealed)
        """,
        project_id,
        signal,
        key_id,
        now_ns,
        [each.run_id for each in staged],
        [each.items for each in staged],
        [each.sealed for each in staged],
    )


async def staged_bytes(driver: Driver, project_id: int) -> int:
    """Sealed bytes of a project that no worker has read yet; sizes alone are looked at."""
    return await driver.fetchval(
        """
        select coalesce(sum(octet_length(sealed)), 0)::bigint
        from staged_body
        where project_id = $1
          and not mapped
        """,
        project_id,
    )


async def update_runs(
    driver: Driver, changes: Mapping[str, RunChange], *, recognised: Collection[str], now_ns: int
) -> None:
    """Move the runs along; one that was finished is open again, under a new revision."""
    ids = sorted(changes)
    rows = [changes[run_id] for run_id in ids]
    await driver.execute(
        """
        update run
        set head = new.head, step_count = run.step_count + new.steps,
          error_count = run.error_count + new.errors,
          stored_bytes = run.stored_bytes + new.stored_bytes,
          received_ns = $1, started_ns = least(run.started_ns, new.started_ns),
          ended_ns = case when run.finished then greatest(run.ended_ns, new.ended_ns) end,
          name = coalesce(new.root_name, run.name), plain = run.plain and not new.recognised,
          writers = jsonb_build_object('0', new.head + 1),
          revision = run.revision + run.finished::int, finished = false,
          status = case when run.finished then run.status else 'running' end,
          opening_seq = coalesce(run.opening_seq, new.first)
        from unnest($2::uuid[], $3::bigint[], $4::int[], $5::int[], $6::bigint[], $7::bigint[],
          $8::bigint[], $9::text[], $10::bool[], $11::bigint[])
          as new (run_id, head, steps, errors, stored_bytes, started_ns, ended_ns, root_name,
            recognised, first)
        where run.run_id = new.run_id
        """,
        now_ns,
        ids,
        [row.head for row in rows],
        [row.steps for row in rows],
        [row.errors for row in rows],
        [row.stored_bytes for row in rows],
        [row.started_ns for row in rows],
        [row.ended_ns for row in rows],
        [row.root_name for row in rows],
        [run_id in recognised for run_id in ids],
        [row.first for row in rows],
    )


async def have_derived(driver: Driver, run_ids: Collection[str], *, project_id: int) -> int | None:
    """Have a worker read what was staged: one job for a run, due now; the id of one of them."""
    rows = await driver.fetch(
        """
        insert into job (project_id, run_id, kind, dedupe_key)
        select $1, run_id, $2, run_id::text
        from unnest($3::uuid[]) as new (run_id)
        on conflict (project_id, kind, dedupe_key) where state in ('queued', 'leased')
        do update
        set run_at = least(job.run_at, excluded.run_at)
        where job.state = 'queued'
        returning id
        """,
        project_id,
        JobKind.DERIVE_RUN.value,
        sorted(run_ids),
    )
    return rows[0][0] if rows else None


def _start(trace: TraceRows, sdk: str | None, now_ns: int) -> RunStart:
    rows = trace.spans.values()
    first = min(rows, key=lambda row: (row.parent is not None, row.start_ns), default=None)
    return RunStart(
        run_id=trace.run_id,
        name="trace" if first is None else first.name,
        started_ns=min((row.start_ns for row in rows), default=now_ns),
        sdk=sdk,
        ordering="derived",
        identity="derived",
    )


_EVENTS = Target(
    table="event",
    staging="bulk_span_event",
    types={
        "run_id": "uuid",
        "seq": "bigint",
        "event_type": "text",
        "step_id": "uuid",
        "time_ns": "bigint",
        "body": "bytea",
    },
    derived={
        "event_id": "sha256(uuid_send(step_id) || event_type::bytea)",
        "writer": "0",
        "sequence_no": "seq",
        "digest": "sha256(body)",
        "project_id": PROJECT,
    },
)
_STEPS = Target(
    table="step",
    staging="bulk_span_step",
    types={
        "run_id": "uuid",
        "step_id": "uuid",
        "seq": "bigint",
        "end_seq": "bigint",
        "parent_id": "uuid",
        "kind": "smallint",
        "name": "text",
        "status": "text",
        "start_ns": "bigint",
        "end_ns": "bigint",
        "flags": "int",
    },
    derived={
        "key": "'r#' || seq",
        "strand": "'r'",
        "lane": "0",
        "depth": "0",
        "attempts": "1",
        "contended": "false",
        "project_id": PROJECT,
    },
)
