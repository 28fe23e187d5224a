"""Timelines: every step of a run as columns, or one real step for each bucket of a long run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.db.whole import rows_of, whole_of
from forkpoint_server.query.columns import Element, encoded, joined
from forkpoint_server.query.steps import StepFilter, conditions
from forkpoint_server.query.window import (
    BUCKETS,
    EXACT_STEPS,
    Window,
    covered_window,
    exact_window,
)

Axis = Literal["time", "steps"]
_FILTERED = 1 << 6
_COARSEST = 60

_COLUMNS: dict[str, tuple[str, Element]] = {
    "lane": ("lane", "u16"),
    "start": ("(greatest(at, :low) - :low) / :unit", "u32"),
    "end": ("(least(until, :high) - :low + :unit - 1) / :unit", "u32"),
    "sequence": ("seq", "u32"),
    "size": ("size", "u32"),
    "kind": ("kind", "u8"),
    "flags": ("flags", "u16"),
}
_SELECTED = ",\n".join(
    f'{joined(expression, element, order="lane, at, seq")} as "{name}"'
    for name, (expression, element) in _COLUMNS.items()
)
_BY_TIME = """
    select s.seq, s.lane, s.kind, s.flags | case when {where} then 0 else {filtered} end as flags,
        s.start_ns as at, coalesce(s.end_ns, :open_end) as until
    from {steps} s
    where s.run_id = cast(:run_id as uuid) and s.project_id = :project_id
"""
# Where an end stands on the axis of steps: how many steps had begun before it, looked up by halving
# in the list of all starts. Sorting starts and ends together is several times slower.
_STARTS = """(
        select array_agg(seq order by seq)
        from {steps} as step
        where run_id = cast(:run_id as uuid) and project_id = :project_id
    )"""
_BY_STEP = """
    select s.seq, s.lane, s.kind, s.flags | case when {where} then 0 else {filtered} end as flags,
        cast(width_bucket(s.seq, {starts}) - 1 as bigint) as at,
        cast(coalesce(width_bucket(s.end_seq, {starts}), :open_end) as bigint) as until
    from {steps} s
    where s.run_id = cast(:run_id as uuid) and s.project_id = :project_id
"""
# The greatest of a bucket by error, duration and earliness stands for it; what else is known of it
# rides along behind these three.
_GATHERED = """
    fine as materialized (
        select lane, at >> :power as bucket, count(*) as size,
            max(array[flags & 1, until - at, -seq, at, until, kind, flags]::bigint[]) as best
        from placed
        where at < :high and until >= :low
        group by lane, bucket
    ),
    chosen as materialized (
        select coarser
        from generate_series(0, :coarsest) as coarser
        where (select count(*) from (
            select distinct lane, bucket >> coarser from fine) as buckets) <= :most
        limit 1
    ),
    gathered as materialized (
        select lane, cast(sum(size) as bigint) as size, max(best) as best
        from fine, chosen
        group by lane, bucket >> coarser
    ),
    shown as materialized (
        select lane, size, -best[3] as seq, best[4] as at, best[5] as until, best[6] as kind,
            best[7] as flags
        from gathered
    )
"""
_EXACT = """
    shown as materialized (
        select placed.*, 1 as size
        from placed
    )
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How long a run is on an axis, and where it stands."""

    low: int
    high: int
    steps: int
    head: int
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A part of a timeline; columns are base64 texts by name."""

    window: Window
    resolution: int
    exact: bool
    extent: Extent
    columns: dict[str, str]


async def timeline_slice(
    connection: AsyncConnection,
    project_id: int,
    run_id: str,
    *,
    axis: Axis,
    width: int,
    asked: tuple[int | None, int | None] = (None, None),
    filter: StepFilter | None = None,
    exact_steps: int = EXACT_STEPS,
    buckets: int = BUCKETS,
) -> Slice | None:
    """A slice of a run; None if there is no such run. A filter marks rows and hides none."""
    extent = await extent_of(connection, project_id, run_id, axis=axis)
    if extent is None:
        return None
    exact = extent.steps <= exact_steps
    begin, end = asked
    wanted = (extent.low if begin is None else begin, extent.high if end is None else end)
    window = (
        exact_window(extent.low, extent.high)
        if exact
        else covered_window(extent.low, extent.high, asked=wanted, width=width)
    )
    where, values = conditions(filter)
    steps = rows_of("step", [await whole_of(connection, project_id, run_id)])
    rows = await connection.execute(
        text(_statement(axis, steps, where, exact=exact)),
        {
            **values,
            **_places(window, extent),
            **({} if exact else {"most": buckets, "coarsest": _COARSEST, "power": window.power}),
            "run_id": run_id,
            "project_id": project_id,
        },
    )
    coarser, *columns = rows.one()
    return Slice(
        window=window,
        resolution=1 << (window.power + coarser),
        exact=exact,
        extent=extent,
        columns={
            name: encoded(data, element)
            for (name, (_, element)), data in zip(_COLUMNS.items(), columns, strict=True)
        },
    )


async def extent_of(
    connection: AsyncConnection, project_id: int, run_id: str, *, axis: Axis
) -> Extent | None:
    """The ends of a run on an axis: of its own record, widened to its steps. Primary keys."""
    steps = rows_of("step", [await whole_of(connection, project_id, run_id)])
    rows = await connection.execute(
        text(f"""
            select
                least(r.started_ns, s.low), greatest(r.ended_ns, r.started_ns, s.high),
                s.steps, r.head, r.revision
            from run r
            cross join (
                select count(*) as steps, min(start_ns) as low,
                    greatest(max(start_ns), max(end_ns)) as high
                from {steps} as step
                where run_id = cast(:run_id as uuid) and project_id = :project_id
            ) as s
            where r.run_id = cast(:run_id as uuid) and r.project_id = :project_id
        """),
        {"run_id": run_id, "project_id": project_id},
    )
    row = rows.first()
    if row is None:
        return None
    low, high, steps, head, revision = row
    if axis == "steps":
        low, high = 0, steps
    return Extent(low=low, high=high, steps=steps, head=head, revision=revision)


def _statement(axis: Axis, steps: str, where: str, *, exact: bool) -> str:
    placed = (_BY_STEP if axis == "steps" else _BY_TIME).format(
        where=where, filtered=_FILTERED, starts=_STARTS.format(steps=steps), steps=steps
    )
    coarser = "0" if exact else "(select coarser from chosen)"
    return f"""
        with placed as materialized ({placed}),
        {_EXACT if exact else _GATHERED}
        select {coarser}, {_SELECTED}
        from shown
    """


def _places(window: Window, extent: Extent) -> Mapping[str, object]:
    return {
        "low": window.low,
        "high": window.high,
        "unit": window.unit,
        "open_end": extent.high,
    }
