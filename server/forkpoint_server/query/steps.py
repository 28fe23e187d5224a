"""Steps: one, several by number, pages of a run or of a parent, and the step to open first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from forkpoint.events.kinds import Kind
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.db.whole import rows_of, whole_of, wholes_of
from forkpoint_server.query.pages import Page, check_first, make_page, read_cursor
from forkpoint_server.query.runfilter import KINDS, contains_pattern


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step as stored; `seq` is its step number."""

    run_id: str
    step_id: str
    seq: int
    end_seq: int | None
    parent_id: str | None
    parent_seq: int | None
    kind: int
    name: str
    status: str
    key: str
    strand: str
    lane: int
    depth: int
    site: str | None
    subtype: str | None
    effect: str | None
    codec: str | None
    model: str | None
    error_class: str | None
    finish_reason: str | None
    start_ns: int
    end_ns: int | None
    tokens_in: int | None
    tokens_out: int | None
    cost_micro_usd: int | None
    attempts: int
    chunks: int | None
    signature: bytes | None
    delta: bytes | None
    contended: bool
    replay: str | None
    """JSON text of the replay information."""
    asked_seq: int | None
    """Of derived runs: the model step that asked for this tool call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFilter:
    """Which steps; a field that is None does not filter."""

    kind: Sequence[Kind] | None = None
    status: Sequence[str] | None = None
    name: str | None = None
    text: str | None = None


COLUMNS = """
    s.run_id::text, s.step_id::text, s.seq, s.end_seq, s.parent_id::text, s.parent_seq, s.kind,
    s.name, s.status, s.key, s.strand, s.lane, s.depth, s.site, s.subtype, s.effect, s.codec,
    s.model, s.error_class, s.finish_reason, s.start_ns, s.end_ns, s.tokens_in, s.tokens_out,
    s.cost_micro_usd, s.attempts, s.chunks, s.signature, s.delta, s.contended, s.replay::text,
    (select a.seq from step a where a.run_id = s.run_id and a.step_id = s.asked_by)
"""
"""Of a step `s`; only derived runs know who asked for one, and these share no rows."""
_CONDITIONS = {
    "kind": "s.kind = any(cast(:kind as int[]))",
    "status": "s.status = any(cast(:step_status as text[]))",
    "name": "s.name = :step_name",
    "text": "(s.name ilike :step_text or s.model ilike :step_text"
    " or s.error_class ilike :step_text or s.key like :step_text)",
}


def conditions(filter: StepFilter | None) -> tuple[str, dict[str, object]]:
    """One SQL condition over `step s` and the values it names."""
    if filter is None:
        return "true", {}
    kinds = None if filter.kind is None else [KINDS.index(kind) for kind in filter.kind]
    words = None if filter.text is None else contains_pattern(filter.text)
    given = {
        "kind": ("kind", kinds),
        "status": ("step_status", filter.status),
        "name": ("step_name", filter.name),
        "text": ("step_text", words),
    }
    held = {name: pair for name, pair in given.items() if pair[1] is not None}
    where = ["true", *(_CONDITIONS[name] for name in held)]
    return " and ".join(where), dict(held.values())


async def steps_by_number(
    connection: AsyncConnection, project_id: int, numbers: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], StepRow]:
    """Steps by run and step number. Index: unique (run_id, seq)."""
    runs = list(dict.fromkeys(run_id for run_id, _ in numbers))
    wholes = await wholes_of(connection, project_id, runs)
    steps = rows_of("step", wholes, where="seq = any (cast(:seqs as bigint[]))")
    rows = await connection.execute(
        text(f"""
            select {COLUMNS}
            from unnest(cast(:runs as uuid[]), cast(:seqs as bigint[])) as asked (run_id, seq)
            join {steps} s on s.run_id = asked.run_id and s.seq = asked.seq
            where s.project_id = :project_id
        """),
        {
            "project_id": project_id,
            "runs": [run_id for run_id, _ in numbers],
            "seqs": [seq for _, seq in numbers],
        },
    )
    return {(row[0], row[2]): StepRow(*row) for row in rows}


async def step_by_key(
    connection: AsyncConnection, project_id: int, run_id: str, key: str
) -> StepRow | None:
    """The first step of a run with this call key. Index: (run_id), filtered."""
    return await _one(
        connection, project_id, run_id, "key = :key", "order by seq limit 1", {"key": key}
    )


async def previous_same_scope(
    connection: AsyncConnection, project_id: int, step: StepRow
) -> StepRow | None:
    """The last model step before this one under the same parent and strand."""
    condition = f"""kind = {KINDS.index(Kind.MODEL)}
        and seq < :seq
        and strand = :strand
        and parent_id is not distinct from cast(:parent_id as uuid)"""
    values = {"seq": step.seq, "strand": step.strand, "parent_id": step.parent_id}
    tail = "order by seq desc limit 1"
    return await _one(connection, project_id, step.run_id, condition, tail, values)


async def answers_of(
    connection: AsyncConnection, project_id: int, step: StepRow, *, first: int
) -> list[StepRow]:
    """Tool steps that a model step asked for, by number. Index: unique (run_id, seq)."""
    steps = rows_of("step", [await whole_of(connection, project_id, step.run_id)])
    rows = await connection.execute(
        text(f"""
            select {COLUMNS}
            from {steps} s
            where s.run_id = cast(:run_id as uuid) and s.project_id = :project_id
                and s.seq > :seq and s.asked_by = cast(:step_id as uuid)
            order by s.seq
            limit :rows
        """),
        {
            "run_id": step.run_id,
            "project_id": project_id,
            "seq": step.seq,
            "step_id": step.step_id,
            "rows": first,
        },
    )
    return [StepRow(*row) for row in rows]


async def steps_page(
    connection: AsyncConnection,
    project_id: int,
    run_id: str,
    *,
    first: int,
    after: str | None,
    filter: StepFilter | None = None,
) -> Page[StepRow]:
    """A page of the steps of a run, by number. Index: unique (run_id, seq)."""
    check_first(first)
    where, values = conditions(filter)
    values["after"] = -1 if after is None else read_cursor(after, int)[0]
    whole = await whole_of(connection, project_id, run_id)
    tail = "order by seq limit :rows" if where == "true" else ""
    steps = rows_of("step", [whole], where="seq > :after", tail=tail)
    rows = await connection.execute(
        text(f"""
            select {COLUMNS}
            from {steps} s
            where s.run_id = cast(:run_id as uuid) and s.project_id = :project_id
                and s.seq > :after and {where}
            order by s.seq
            limit :rows
        """),
        {**values, "run_id": run_id, "project_id": project_id, "rows": first + 1},
    )
    found = [StepRow(*row) for row in rows]
    return make_page(found, first=first, after=after, key=lambda step: [step.seq])


async def count_steps(
    connection: AsyncConnection, project_id: int, run_id: str, filter: StepFilter | None
) -> int:
    """How many steps of a run a filter leaves."""
    where, values = conditions(filter)
    steps = rows_of("step", [await whole_of(connection, project_id, run_id)])
    rows = await connection.execute(
        text(f"""
            select count(*)
            from {steps} s
            where s.run_id = cast(:run_id as uuid) and s.project_id = :project_id and {where}
        """),
        {**values, "run_id": run_id, "project_id": project_id},
    )
    return cast("int", rows.scalar_one())


async def _one(
    connection: AsyncConnection,
    project_id: int,
    run_id: str,
    where: str,
    tail: str,
    values: Mapping[str, object],
) -> StepRow | None:
    whole = await whole_of(connection, project_id, run_id)
    steps = rows_of("step", [whole], where=where, tail=tail)
    rows = await connection.execute(
        text(f"""
            select {COLUMNS}
            from {steps} s
            where s.run_id = cast(:run_id as uuid) and s.project_id = :project_id and {where}
            {tail.replace("by seq", "by s.seq")}
        """),
        {**values, "run_id": run_id, "project_id": project_id},
    )
    row = rows.first()
    return StepRow(*row) if row else None
