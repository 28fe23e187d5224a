"""Verifications of causes as they are stored: what is asked, what the replays have shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import orjson

from forkpoint_server.db.engine import Driver

Fields = Mapping[str, object]
RUNNING, FINISHED, FAILED, CANCELLED = "running", "finished", "failed", "cancelled"
_COLUMNS = """
  project_id, attribution_id::text, a, b, head_a, head_b, state, reason, message, spec::text,
  report::text, awaits::text, head, created_ns, ended_ns
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """One verification of the roots of two runs; times in ns since the epoch."""

    project_id: int
    attribution_id: str
    a: UUID
    b: UUID
    head_a: int
    head_b: int
    state: str
    """running, finished, failed or cancelled."""
    reason: str | None
    """Code of why it failed."""
    message: str | None
    spec: Fields
    report: Fields
    """forkpoint.verification/1, also while it runs."""
    awaits: Sequence[str]
    """Arms of the sessions that run now."""
    head: int
    """Number of its last change."""
    created_ns: int
    ended_ns: int | None

    @property
    def is_open(self) -> bool:
        """Whether it may still change."""
        return self.state == RUNNING


async def insert(raw: Driver, made: Attribution) -> None:
    """Keep a new one."""
    await raw.execute(
        """
        insert into attribution
          (project_id, attribution_id, a, b, head_a, head_b, state, spec, report, created_ns)
        values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9::jsonb, $10)
        """,
        made.project_id,
        made.attribution_id,
        made.a,
        made.b,
        made.head_a,
        made.head_b,
        made.state,
        orjson.dumps(made.spec).decode(),
        orjson.dumps(made.report).decode(),
        made.created_ns,
    )


async def update(
    raw: Driver,
    of: Attribution,
    *,
    state: str,
    report: Fields | None = None,
    awaits: Sequence[str] = (),
    reason: str | None = None,
    message: str | None = None,
    now_ns: int,
) -> None:
    """Keep what is known now; a state other than running is the last."""
    await raw.execute(
        """
        update attribution
        set state = $3, report = coalesce($4::jsonb, report), awaits = $5::jsonb, reason = $6,
          message = $7, head = head + 1,
          ended_ns = case when $3 = 'running' then null else $8::bigint end
        where project_id = $1 and attribution_id = $2
        """,
        of.project_id,
        of.attribution_id,
        state,
        None if report is None else orjson.dumps(report).decode(),
        orjson.dumps(list(awaits)).decode(),
        reason,
        None if message is None else message[:2_000],
        now_ns,
    )


async def by_id(
    raw: Driver, project_id: int, attribution_id: str, *, lock: bool = False
) -> Attribution | None:
    """One of them; `lock` keeps others from changing it. Index: primary key."""
    row = await raw.fetchrow(
        f"""
        select {_COLUMNS}
        from attribution
        where project_id = $1 and attribution_id = $2
        {"for update" if lock else ""}
        """,
        project_id,
        attribution_id,
    )
    return None if row is None else _read(row)


async def newest(raw: Driver, project_id: int, a: UUID, b: UUID) -> Attribution | None:
    """The last one of two runs that was not cancelled. Index: `attribution_by_pair`."""
    row = await raw.fetchrow(
        f"""
        select {_COLUMNS}
        from attribution
        where project_id = $1 and a = $2 and b = $3 and state <> 'cancelled'
        order by created_ns desc
        limit 1
        """,
        project_id,
        a,
        b,
    )
    return None if row is None else _read(row)


def _read(row: Any) -> Attribution:
    fields = dict(cast("Mapping[str, Any]", row).items())
    for name in ("spec", "report", "awaits"):
        fields[name] = orjson.loads(fields[name])
    return Attribution(**fields)
