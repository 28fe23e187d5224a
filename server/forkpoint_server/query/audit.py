"""Reading the audit log: newest first, and whether its chain holds."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.db.engine import Driver
from forkpoint_server.query.pages import Page, check_first, make_page, read_cursor
from forkpoint_server.security.audit import BEGINNING, COLUMNS, Action, AuditRow

AT_A_TIME = 2_000
_FIELDS = tuple(name.strip() for name in COLUMNS.split(","))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which rows; None: all."""

    action: str | None = None
    target: str | None = None
    since_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What checking the whole log found."""

    rows: int
    head: int
    """`seq` of the newest row, -1 for an empty log."""
    broken_at: int | None
    """`seq` of the first row that is not what it was when it was written, or that lost the one
    before it; None if all is well."""


async def audit_page(
    connection: AsyncConnection,
    project_id: int,
    where: AuditFilter,
    *,
    first: int,
    after: str | None,
) -> Page[AuditRow]:
    """Rows, newest first. Index: primary key, `audit_by_action`, `audit_by_target`."""
    check_first(first)
    before = None if after is None else read_cursor(after, int)[0]
    rows = await connection.execute(
        text(f"""
            select {COLUMNS}
            from audit
            where project_id = :project_id
                and (cast(:before as bigint) is null or seq < :before)
                and (cast(:action as text) is null or action = :action)
                and (cast(:target as text) is null or target = :target)
                and (cast(:since as bigint) is null or at_ns >= :since)
            order by seq desc
            limit :rows
        """),
        {
            "project_id": project_id,
            "before": before,
            "action": where.action,
            "target": where.target,
            "since": where.since_ns,
            "rows": first + 1,
        },
    )
    found = [AuditRow(**dict(zip(_FIELDS, row, strict=True))) for row in rows]
    return make_page(found, first=first, after=after, key=lambda row: [row.seq])


async def count_audit(connection: AsyncConnection, project_id: int) -> int:
    """Rows of the log. Index: primary key."""
    rows = await connection.execute(
        text("select count(*) from audit where project_id = :project_id"),
        {"project_id": project_id},
    )
    return int(rows.scalar_one())


async def check_chain(raw: Driver, project_id: int) -> Chain:
    """Read every row and check its seal. Index: primary key."""
    rows, at, anchor = 0, -1, BEGINNING
    while True:
        page = [
            AuditRow(**dict(row.items()))
            for row in await raw.fetch(
                f"""
                select {COLUMNS}
                from audit
                where project_id = $1 and seq > $2
                order by seq
                limit $3
                """,
                project_id,
                at,
                AT_A_TIME,
            )
        ]
        if page and rows == 0 and page[0].seq > 0:
            at, anchor = page[0].seq - 1, await _trimmed(raw, project_id, page[0].seq - 1)
        for row in page:
            if (row.seq, row.previous, row.hash) != (at + 1, anchor, row.sealed(project_id)):
                return Chain(rows=rows, head=at, broken_at=row.seq)
            rows, at, anchor = rows + 1, row.seq, row.hash
        if len(page) < AT_A_TIME:
            return Chain(rows=rows, head=at, broken_at=None)


async def _trimmed(raw: Driver, project_id: int, through: int) -> bytes:
    """The hash of the last row that retention took, as the log itself tells it."""
    told = await raw.fetch(
        "select facts from audit where project_id = $1 and action = $2 order by seq desc",
        project_id,
        Action.AUDIT_TRIMMED.value,
    )
    for row in told:
        facts = orjson.loads(row[0])
        if facts.get("through") == through:
            return bytes.fromhex(facts["hash"])
    return BEGINNING
