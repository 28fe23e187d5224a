"""What a replay needs of a run, in pages: its records, its events, and which roots they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.db.tables import RUN_ITSELF
from forkpoint_server.db.whole import of_steps, rows_of, whole_of
from forkpoint_server.query.events import EventRow

PAGE_EVENTS = 2_000
PAGE_BYTES = 4 * 1024 * 1024
"""Budget of events and blocks together; a single event may go over it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """How a run began and ended, as received."""

    head: int
    start: bytes
    end: bytes | None
    """None while it runs."""
    edits_root: bytes | None
    policy_root: bytes | None
    derived: bool = False
    """Its events stand in derived order, apart from those that came."""


async def records_of(connection: AsyncConnection, project_id: int, run_id: str) -> Records | None:
    """The records of one run; None if there is none. Index: primary key."""
    rows = await connection.execute(
        text("""
            select head, start_record, end_record, edits_root, policy_root, intake = 'otlp'
            from run
            where run_id = cast(:run_id as uuid) and project_id = :project_id
        """),
        {"run_id": run_id, "project_id": project_id},
    )
    row = rows.first()
    if row is None:
        return None
    return Records(
        head=row[0],
        start=row[1],
        end=row[2],
        edits_root=row[3],
        policy_root=row[4],
        derived=row[5],
    )


async def events_after(
    connection: AsyncConnection,
    project_id: int,
    run_id: str,
    *,
    after: int,
    first: int,
    derived: bool = False,
) -> Sequence[EventRow]:
    """The next events, at most `first` and at most half the byte budget, but at least one."""
    whole = await whole_of(connection, project_id, run_id)
    events = rows_of("event", [whole], where="seq > :after", tail="order by seq limit :first")
    table = "derived_event" if derived else events
    time = "0" if derived else "time_ns"
    rows = await connection.execute(
        text(f"""
            select seq, body, time
            from (
                select seq, body, time,
                    sum(length(body)) over (order by seq) - length(body) as before
                from (
                    select seq, body, {time} as time
                    from {table} as event
                    where run_id = cast(:run_id as uuid) and project_id = :project_id
                        and seq > :after
                    order by seq
                    limit :first
                ) as next
            ) as measured
            where before < :budget
            order by seq
        """),
        {
            "run_id": run_id,
            "project_id": project_id,
            "after": after,
            "first": first,
            "budget": PAGE_BYTES // 2,
        },
    )
    return [EventRow(row[0], whole.body(row[0], bytes(row[1]), row[2])) for row in rows]


async def clean_roots(
    connection: AsyncConnection, project_id: int, run_id: str, *, first: int, last: int
) -> list[tuple[int, bytes]]:
    """Roots of clean artifacts of steps that start or end in a range of seqs, each with its seq.

    Artifacts of the run itself come with seq -1, and only with a range that begins there.
    """
    whole = await whole_of(connection, project_id, run_id)
    near = "seq between :first and :last or end_seq between :first and :last"
    steps = rows_of("step", [whole], where=near)
    artifacts = rows_of("artifact", [whole], where=of_steps(steps))
    rows = await connection.execute(
        text(f"""
            select -1 as seq, root
            from artifact
            where run_id = cast(:run_id as uuid) and step_id = '{RUN_ITSELF}'
                and project_id = :project_id and state = 'clean' and root is not null
                and -1 between :first and :last
            union
            select s.seq, a.root
            from {artifacts} a
            join {steps} s on s.run_id = a.run_id and s.step_id = a.step_id
            where a.run_id = cast(:run_id as uuid) and a.project_id = :project_id
                and a.state = 'clean' and a.root is not null
                and (s.seq between :first and :last or s.end_seq between :first and :last)
            order by seq
        """),
        {"run_id": run_id, "project_id": project_id, "first": first, "last": last},
    )
    return [(row[0], bytes(row[1])) for row in rows]
