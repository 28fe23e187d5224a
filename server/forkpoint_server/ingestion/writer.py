"""The statements that write a batch: one for each table, whatever the number of rows.

Rows never go around row level security, whose check would catch a statement that writes another
tenant's.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import astuple

from forkpoint_server.db.bulk import Target, insert_rows
from forkpoint_server.db.engine import Driver
from forkpoint_server.ingestion.incoming import Incoming
from forkpoint_server.ingestion.rows import ArtifactRow, Rows, StepEnd

_STEP_TYPES = {
    "run_id": "uuid",
    "step_id": "uuid",
    "project_id": "int",
    "seq": "bigint",
    "kind": "smallint",
    "name": "text",
    "key": "text",
    "strand": "text",
    "lane": "int",
    "depth": "int",
    "start_ns": "bigint",
    "contended": "bool",
    "flags": "int",
    "parent_id": "uuid",
    "parent_seq": "bigint",
    "site": "text",
    "subtype": "text",
    "effect": "text",
    "codec": "text",
    "model": "text",
    "signature": "bytea",
    "delta": "bytea",
    "replay": "jsonb",
    "status": "text",
    "end_seq": "bigint",
    "end_ns": "bigint",
    "error_class": "text",
    "finish_reason": "text",
    "tokens_in": "bigint",
    "tokens_out": "bigint",
    "cost_micro_usd": "bigint",
    "attempts": "int",
    "chunks": "int",
}
_ARTIFACT_TYPES = {
    "run_id": "uuid",
    "step_id": "uuid",
    "role": "text",
    "project_id": "int",
    "gen": "int",
    "root": "bytea",
    "size": "bigint",
    "state": "text",
    "reason": "text",
    "media_type": "text",
}
_EVENT_TYPES = {
    "run_id": "uuid",
    "seq": "bigint",
    "event_id": "bytea",
    "event_type": "text",
    "writer": "int",
    "sequence_no": "bigint",
    "step_id": "uuid",
    "time_ns": "bigint",
    "digest": "bytea",
    "body": "bytea",
    "project_id": "int",
}
_END_TYPES = {
    "run_id": "uuid",
    "step_id": "uuid",
    "end_seq": "bigint",
    "end_ns": "bigint",
    "status": "text",
    "model": "text",
    "error_class": "text",
    "finish_reason": "text",
    "tokens_in": "bigint",
    "tokens_out": "bigint",
    "cost_micro_usd": "bigint",
    "attempts": "int",
    "chunks": "int",
    "flags": "int",
}


async def write_rows(driver: Driver, rows: Rows) -> None:
    """Write everything but the runs themselves."""
    await insert_rows(driver, _EVENTS, rows.events)
    await insert_rows(driver, _STEPS, [astuple(row) for row in rows.steps.values()])
    await end_steps(driver, rows.ends)
    await insert_artifacts(driver, rows.artifacts)


async def insert_artifacts(driver: Driver, rows: Sequence[ArtifactRow]) -> None:
    """Add artifacts; the first one of a (run, step, role) stays."""
    await insert_rows(driver, _ARTIFACTS, [astuple(row) for row in rows])


async def hold_events(
    driver: Driver, held: Sequence[Incoming], *, project_id: int, now_ns: int
) -> None:
    """Keep events that wait for their predecessors."""
    if not held:
        return
    await driver.execute(
        """
        insert into held_event
          (run_id, writer, sequence_no, event_id, digest, body, project_id, received_ns)
        select *, $7::int, $8::bigint
        from unnest($1::uuid[], $2::int[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[])
        """,
        [each.event.run_id for each in held],
        [each.event.writer for each in held],
        [each.event.sequence_no for each in held],
        [each.id for each in held],
        [each.digest for each in held],
        [each.body for each in held],
        project_id,
        now_ns,
    )


async def release_events(driver: Driver, places: Sequence[tuple[str, int, int]]) -> None:
    """Forget held events (run, writer, sequence_no) that have become part of their run."""
    if not places:
        return
    runs, writers, numbers = zip(*places, strict=True)
    await driver.execute(
        """
        delete from held_event
        using unnest($1::uuid[], $2::int[], $3::bigint[]) as gone (run_id, writer, sequence_no)
        where held_event.run_id = gone.run_id
          and held_event.writer = gone.writer
          and held_event.sequence_no = gone.sequence_no
        """,
        runs,
        writers,
        numbers,
    )


async def end_steps(driver: Driver, ends: Sequence[StepEnd]) -> None:
    """Close steps of earlier batches. Index: primary key of `step`."""
    if ends:
        runs = sorted({end.run_id for end in ends})
        await driver.execute(_END_STEPS, *_columns(ends), runs)


def _columns(rows: Sequence[msgspec.Struct]) -> list[tuple[object, ...]]:
    return list(zip(*map(astuple, rows), strict=True))


def _unnest(types: dict[str, str]) -> str:
    return ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(types.values(), start=1))


_EVENTS = Target(table="event", types=_EVENT_TYPES)
_STEPS = Target(table="step", types=_STEP_TYPES)
_ARTIFACTS = Target(
    table="artifact",
    types=_ARTIFACT_TYPES,
    conflict="on conflict (run_id, step_id, role) do nothing",
)
_END_STEPS = f"""
update step
set end_seq = ended.end_seq, end_ns = ended.end_ns, status = ended.status,
  model = coalesce(ended.model, step.model), error_class = ended.error_class,
  finish_reason = ended.finish_reason, tokens_in = ended.tokens_in,
  tokens_out = ended.tokens_out, cost_micro_usd = ended.cost_micro_usd,
  attempts = ended.attempts, chunks = ended.chunks, flags = step.flags & ~2 | ended.flags
from unnest({_unnest(_END_TYPES)}) as ended ({", ".join(_END_TYPES)})
where step.run_id = any (${len(_END_TYPES) + 1}::uuid[])
  and step.run_id = ended.run_id
  and step.step_id = ended.step_id
  and step.end_seq is null
"""
