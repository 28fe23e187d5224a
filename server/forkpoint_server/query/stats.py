"""Figures of many runs: how often, how slow, how expensive."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from forkpoint.events.kinds import Kind
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.db.whole import STEPS_OF_RUN
from forkpoint_server.query.runfilter import KINDS, RunFilter, conditions

MOST_GROUPS = 400

_STEP_NAMES = f"""
    cross join lateral (
        select distinct {{0}} as value
        from {STEPS_OF_RUN}
        where {{1}}
    ) as used"""


class RunGroup(Enum):
    """What runs are grouped by: a joined table, if any, and an expression."""

    DAY = ("", "to_char(to_timestamp(r.started_ns / 1000000000) at time zone 'utc', 'YYYY-MM-DD')")
    NAME = ("", "r.name")
    STATUS = ("", "r.status")
    CODE_VERSION = ("", "coalesce(r.code_version, '')")
    TAG = (" cross join lateral unnest(r.tags) as used (value)", "used.value")
    MODEL = (_STEP_NAMES.format("s.model", "s.model is not null"), "used.value")
    TOOL = (_STEP_NAMES.format("s.name", f"s.kind = {KINDS.index(Kind.TOOL)}"), "used.value")


@dataclass(frozen=True, slots=True)
class StatRow:
    """One group; times in ns, money in micro-USD."""

    group: str
    runs: int
    errors: int
    steps: int
    p50_ns: int
    p95_ns: int
    cost_micro_usd: int
    tokens: int


async def run_stats(
    connection: AsyncConnection, project_id: int, *, group: RunGroup, filter: RunFilter | None
) -> list[StatRow]:
    """The groups in their order. Durations are those of finished runs; 0 where there is none."""
    joined, expression = group.value
    where, values = conditions(filter)
    rows = await connection.execute(
        text(f"""
            select {expression},
                count(*),
                count(*) filter (where r.status = 'error'),
                cast(coalesce(sum(r.step_count), 0) as bigint),
                cast(coalesce(percentile_disc(0.5) within group (
                    order by r.ended_ns - r.started_ns), 0) as bigint),
                cast(coalesce(percentile_disc(0.95) within group (
                    order by r.ended_ns - r.started_ns), 0) as bigint),
                cast(coalesce(sum(r.cost_micro_usd), 0) as bigint),
                cast(coalesce(sum(coalesce(r.tokens_in, 0) + coalesce(r.tokens_out, 0)), 0)
                    as bigint)
            from run r{joined}
            where r.project_id = :project_id and {" and ".join(where)}
            group by 1
            order by 1
            limit {MOST_GROUPS}
        """),
        {**values, "project_id": project_id},
    )
    return [StatRow(*row) for row in rows]
