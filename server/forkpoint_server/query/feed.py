"""What a subscriber of a run is sent: its events as short rows, and where the run stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.db.whole import rows_of, whole_of
from forkpoint_server.query.runfilter import KINDS

FEED_ROWS = 2_000
"""Most events of one message."""

_FIELDS = (
    "seq",
    "type",
    "stepSeq",
    "parentSeq",
    "kind",
    "name",
    "key",
    "strand",
    "lane",
    "depth",
    "status",
    "errorClass",
    "timeNs",
    "tokensIn",
    "tokensOut",
    "costMicroUsd",
    "mode",
    "divergence",
    "edit",
    "count",
    "reason",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a run stands: its last seq, its status, and whether nothing more can come."""

    head: int
    status: str
    finished: bool
    started_ns: int


async def standing(connection: AsyncConnection, project_id: int, run_id: str) -> Standing | None:
    """Where one run stands; None if there is none. Index: primary key."""
    rows = await connection.execute(
        text("""
            select head, status, finished, started_ns
            from run
            where run_id = cast(:run_id as uuid) and project_id = :project_id
        """),
        {"run_id": run_id, "project_id": project_id},
    )
    row = rows.first()
    if row is None:
        return None
    return Standing(head=row[0], status=row[1], finished=row[2], started_ns=row[3])


async def feed_page(
    connection: AsyncConnection, project_id: int, run_id: str, *, after: int, rows: int = FEED_ROWS
) -> Sequence[Mapping[str, object]]:
    """The next events after a seq, absent fields left out. Index: primary key (run_id, seq).

    Starts carry what the step is, ends carry how it went; only gaps and notes need their body.
    """
    whole = await whole_of(connection, project_id, run_id)
    events = rows_of("event", [whole], where="seq > :after", tail="order by seq limit :rows")
    steps = rows_of("step", [whole], where="step_id = any (array(select step_id from page))")
    found = await connection.execute(
        text(f"""
            with page as (
                select *
                from {events} as event
                where run_id = cast(:run_id as uuid) and project_id = :project_id and seq > :after
                order by seq
                limit :rows
            )
            select
                e.seq,
                e.event_type,
                s.seq,
                case when e.event_type = 'step_started' then s.parent_seq end,
                case when e.event_type = 'step_started' then s.kind end,
                case when e.event_type = 'step_started' then s.name
                    when e.event_type = 'note' then body.value->>'name' end,
                case when e.event_type = 'step_started' then s.key end,
                case when e.event_type = 'step_started' then s.strand end,
                case when e.event_type = 'step_started' then s.lane end,
                case when e.event_type = 'step_started' then s.depth end,
                case when e.event_type = 'step_started' then 'running'
                    when e.event_type = 'step_ended' then s.status end,
                case when e.event_type = 'step_ended' then s.error_class end,
                e.time_ns::text,
                case when e.event_type = 'step_ended' then s.tokens_in end,
                case when e.event_type = 'step_ended' then s.tokens_out end,
                case when e.event_type = 'step_ended' then s.cost_micro_usd::text end,
                case when e.event_type = 'step_started' then s.replay->>'mode' end,
                case when e.event_type = 'step_started' then s.replay->>'divergence' end,
                case when e.event_type = 'step_started' then cast(s.replay->>'edit' as int) end,
                cast(body.value->>'count' as bigint),
                body.value->>'reason'
            from page e
            left join {steps} s on s.run_id = e.run_id and s.step_id = e.step_id
            left join lateral (
                select cast(convert_from(e.body, 'UTF8') as jsonb) as value
            ) body on e.event_type in ('gap', 'note')
            order by e.seq
        """),
        {"run_id": run_id, "project_id": project_id, "after": after, "rows": rows},
    )
    return [_named(tuple(row)) for row in found]


async def recent_marks(
    connection: AsyncConnection, project_id: int
) -> dict[str, tuple[object, ...]]:
    """A mark for each of the newest 200 runs that changes whenever the run does: for polling."""
    rows = await connection.execute(
        text("""
            select run_id::text, head, status, revision, finished, health
            from run
            where project_id = :project_id
            order by started_ns desc, run_id
            limit 200
        """),
        {"project_id": project_id},
    )
    return {row[0]: (*row[1:5], tuple(row[5] or ())) for row in rows}


def _named(row: tuple[object, ...]) -> dict[str, object]:
    fields = {name: value for name, value in zip(_FIELDS, row, strict=True) if value is not None}
    kind = fields.get("kind")
    if isinstance(kind, int):
        fields["kind"] = KINDS[kind].value.upper()
    for name in ("status", "mode"):
        if name in fields:
            fields[name] = str(fields[name]).upper()
    return fields
