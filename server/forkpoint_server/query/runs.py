"""Runs: one, many by id, pages by any order, and the forks of several runs at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.query.pages import Page, check_first, make_page, read_cursor
from forkpoint_server.query.runfilter import RunFilter, conditions


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as stored; times in ns since the epoch, money in micro-USD, digests 32 bytes."""

    run_id: str
    name: str
    status: str
    health: Sequence[str]
    started_ns: int
    ended_ns: int | None
    head: int
    revision: int
    step_count: int
    error_count: int
    gap_count: int
    tokens_in: int | None
    tokens_out: int | None
    cost_micro_usd: int | None
    ordering: str
    identity: str
    tags: Sequence[str]
    code_version: str | None
    sdk: str | None
    ruleset_id: str | None
    redaction_key_id: str | None
    content_format: str
    signature_codec: str
    error_class: str | None
    verdict: str | None
    parent_run_id: str | None
    session_id: str | None
    origin_kind: str | None
    cut_key: str | None
    cut_side: str | None
    edits_root: bytes | None
    policy_root: bytes | None
    opening_seq: int | None
    events_expected: str | None
    """JSON text: number of events by writer, as the end of the run said."""
    finished: bool
    otel: str | None
    """JSON text: the trace it came from, or the span it was started in."""
    able: str | None
    """JSON text, of derived runs: what it can be replayed as, and why not more."""
    trace_url: str | None
    """The project's address of a trace, with `{trace_id}` in it."""


COLUMNS = """
    r.run_id::text, r.name, r.status, r.health, r.started_ns, r.ended_ns, r.head, r.revision,
    r.step_count, r.error_count, r.gap_count, r.tokens_in, r.tokens_out, r.cost_micro_usd,
    r.ordering, r.identity, r.tags, r.code_version, r.sdk, r.ruleset_id, r.redaction_key_id,
    r.content_format, r.signature_codec, r.error_class, r.verdict, r.parent_run_id::text,
    r.session_id, r.origin_kind, r.cut_key, r.cut_side, r.edits_root, r.policy_root,
    r.opening_seq, r.events_expected::text, r.finished, r.otel::text,
    r.capabilities::text,
    (select p.settings ->> 'traceUrl' from project p where p.project_id = r.project_id)
"""


class RunOrder(Enum):
    """Total orders of runs; ties are broken by id in the same direction."""

    STARTED_DESC = ("r.started_ns", "desc", int)
    STARTED_ASC = ("r.started_ns", "asc", int)
    DURATION_DESC = ("coalesce(r.ended_ns, r.started_ns) - r.started_ns", "desc", int)
    COST_DESC = ("coalesce(r.cost_micro_usd, 0)", "desc", int)
    NAME_ASC = ("r.name", "asc", str)

    @property
    def expression(self) -> str:
        """What is sorted by."""
        return self.value[0]

    @property
    def direction(self) -> str:
        """`asc` or `desc`."""
        return self.value[1]

    @property
    def cursor_type(self) -> type:
        """Type of the sort value."""
        return self.value[2]


async def run_by_id(connection: AsyncConnection, project_id: int, run_id: str) -> RunRow | None:
    """One run; None if there is none of that id in the project. Index: primary key."""
    return (await runs_by_ids(connection, project_id, [run_id])).get(run_id)


async def runs_by_ids(
    connection: AsyncConnection, project_id: int, run_ids: Sequence[str]
) -> dict[str, RunRow]:
    """Runs by id; absent ones are left out. Index: primary key."""
    rows = await connection.execute(
        text(f"""
            select {COLUMNS}
            from run r
            where r.project_id = :project_id and r.run_id = any(cast(:run_ids as uuid[]))
        """),
        {"project_id": project_id, "run_ids": list(run_ids)},
    )
    return {row[0]: RunRow(*row) for row in rows}


async def mirrors_of(
    connection: AsyncConnection, project_id: int, run_ids: Sequence[str]
) -> dict[str, RunRow]:
    """The newest trace that shows each run once more. Index: (mirror_of)."""
    rows = await connection.execute(
        text(f"""
            select distinct on (r.mirror_of) r.mirror_of::text, {COLUMNS}
            from run r
            where r.project_id = :project_id and r.mirror_of = any(cast(:run_ids as uuid[]))
            order by r.mirror_of, r.started_ns desc, r.run_id
        """),
        {"project_id": project_id, "run_ids": list(run_ids)},
    )
    return {row[0]: RunRow(*row[1:]) for row in rows}


async def runs_page(
    connection: AsyncConnection,
    project_id: int,
    *,
    first: int,
    after: str | None,
    order: RunOrder = RunOrder.STARTED_DESC,
    filter: RunFilter | None = None,
) -> Page[RunRow]:
    """A page of runs. Index: (project_id, started_ns desc, run_id) for the default order."""
    check_first(first)
    where, values = conditions(filter)
    if after is not None:
        sign = "<" if order.direction == "desc" else ">"
        where.append(
            f"({order.expression}, r.run_id) {sign} (:after_value, cast(:after_id as uuid))"
        )
        values["after_value"], values["after_id"] = read_cursor(after, order.cursor_type, str)
    rows = await connection.execute(
        text(f"""
            select {COLUMNS}, {order.expression} as sort_value
            from run r
            where r.project_id = :project_id and {" and ".join(where)}
            order by {order.expression} {order.direction}, r.run_id {order.direction}
            limit :rows
        """),
        {**values, "project_id": project_id, "rows": first + 1},
    )
    found = [(RunRow(*row[:-1]), row[-1]) for row in rows]
    page = make_page(found, first=first, after=after, key=lambda row: [row[1], row[0].run_id])
    return Page(
        rows=[row for row, _ in page.rows],
        cursors=page.cursors,
        has_next=page.has_next,
        has_previous=page.has_previous,
    )


async def count_runs(
    connection: AsyncConnection, project_id: int, filter: RunFilter | None = None
) -> int:
    """How many runs a filter leaves."""
    where, values = conditions(filter)
    rows = await connection.execute(
        text(
            f"select count(*) from run r where r.project_id = :project_id and {' and '.join(where)}"
        ),
        {**values, "project_id": project_id},
    )
    return cast("int", rows.scalar_one())


async def forks_of(
    connection: AsyncConnection, project_id: int, run_ids: Sequence[str], *, first: int
) -> dict[str, list[RunRow]]:
    """The newest `first + 1` replays and forks of each run. Index: (parent_run_id)."""
    rows = await connection.execute(
        text(f"""
            select {COLUMNS}
            from unnest(cast(:run_ids as uuid[])) as parent (run_id)
            cross join lateral (
                select *
                from run child
                where child.project_id = :project_id and child.parent_run_id = parent.run_id
                order by child.started_ns desc, child.run_id desc
                limit :rows
            ) r
        """),
        {"project_id": project_id, "run_ids": list(run_ids), "rows": first + 1},
    )
    forks: dict[str, list[RunRow]] = {run_id: [] for run_id in run_ids}
    for row in rows:
        run = RunRow(*row)
        forks[run.parent_run_id or ""].append(run)
    return forks
