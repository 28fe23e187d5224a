"""A job is a row, written in the transaction of its cause: no cause without job, and no job
without cause."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import orjson

from forkpoint_server.db.engine import Driver
from forkpoint_server.jobs.names import JobKind

NOW = timedelta()


async def enqueue(
    driver: Driver,
    project_id: int,
    kind: JobKind,
    *,
    dedupe_key: str,
    run_id: str | None = None,
    args: Mapping[str, object] | None = None,
    delay: timedelta = NOW,
    priority: int = 0,
) -> int | None:
    """The id of the new job; None if one of this kind and key is queued or leased already."""
    return await driver.fetchval(
        """
        insert into job (project_id, run_id, kind, dedupe_key, args, run_at, priority)
        values ($1, $2, $3, $4, $5, now() + $6, $7)
        on conflict (project_id, kind, dedupe_key) where state in ('queued', 'leased')
        do nothing
        returning id
        """,
        project_id,
        run_id,
        kind.value,
        dedupe_key,
        orjson.dumps(args or {}).decode(),
        delay,
        priority,
    )
