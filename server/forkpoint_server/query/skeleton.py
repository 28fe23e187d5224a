"""The skeleton of a run: 40 bytes a step, in chunks of 65,536 steps in step order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.db.whole import rows_of, whole_of
from forkpoint_server.errors import BadRequest
from forkpoint_server.query.columns import Element, encoded, joined

CHUNK_ROWS = 65_536

_COLUMNS: dict[str, tuple[str, Element]] = {
    "parent": ("coalesce(parent_seq, 4294967295)", "u32"),
    "sequence": ("seq", "u32"),
    "tokens": ("coalesce(tokens_in, 0) + coalesce(tokens_out, 0)", "u32"),
    "micro_usd": ("coalesce(cost_micro_usd, 0)", "u32"),
    "lane": ("lane", "u16"),
    "name": ("name_index", "u16"),
    "flags": ("flags", "u16"),
    "depth": ("depth", "u8"),
    "kind": ("kind", "u8"),
    "start": ("start_ns", "i64"),
    "end": ("coalesce(end_ns, 0)", "i64"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """One chunk; columns are base64 texts by name."""

    rows: int
    sealed: bool
    """Whether no step can be added to this chunk within the revision."""
    revision: int
    head: int
    names: Sequence[str]
    columns: dict[str, str]


async def skeleton_chunk(
    connection: AsyncConnection, project_id: int, run_id: str, chunk: int
) -> Skeleton | None:
    """A chunk of a run; None if there is no such run. Index: unique (run_id, seq)."""
    if not 0 <= chunk < 2**16:
        raise BadRequest("`chunk` must be from 0 to 65535", field="chunk")
    selected = ",\n".join(
        f'{joined(expression, element, order="seq")} as "{name}"'
        for name, (expression, element) in _COLUMNS.items()
    )
    steps = rows_of("step", [await whole_of(connection, project_id, run_id)])
    rows = await connection.execute(
        text(f"""
            with page as materialized (
                select *, dense_rank() over (order by name) - 1 as name_index
                from (
                    select seq, parent_seq, tokens_in, tokens_out, cost_micro_usd, lane, name,
                        flags, depth, kind, start_ns, end_ns
                    from {steps} as step
                    where run_id = cast(:run_id as uuid) and project_id = :project_id
                    order by seq
                    offset :skipped
                    limit :rows
                ) as chunk
            ), made as (
                select count(*) as rows, {selected}
                from page
            )
            select r.revision, r.head, r.finished, made.rows,
                array(select distinct name from page order by name),
                {", ".join(f'made."{name}"' for name in _COLUMNS)}
            from run r
            cross join made
            where r.run_id = cast(:run_id as uuid) and r.project_id = :project_id
        """),
        {
            "run_id": run_id,
            "project_id": project_id,
            "skipped": chunk * CHUNK_ROWS,
            "rows": CHUNK_ROWS,
        },
    )
    row = rows.first()
    if row is None:
        return None
    revision, head, finished, count, names, *columns = row
    return Skeleton(
        rows=count,
        sealed=finished or count == CHUNK_ROWS,
        revision=revision,
        head=head,
        names=names,
        columns={
            name: encoded(data, element)
            for (name, (_, element)), data in zip(_COLUMNS.items(), columns, strict=True)
        },
    )
