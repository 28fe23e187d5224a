"""The rules of retention as a project has them, and their change."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from forkpoint_server.artifacts.retention import DAY_NS
from forkpoint_server.db.engine import Driver

AUDIT_DAYS = 365
"""How long rows of the audit log are kept unless the project says otherwise."""
AUDIT_LEAST_DAYS = 30
NAMES = ("max_age_days", "max_runs", "max_bytes", "max_run_bytes", "audit_days")


async def retention_of(raw: Driver, project_id: int) -> dict[str, object]:
    """What is set; what is not there is not bounded. Index: primary key."""
    kept = await raw.fetchval(
        "select (settings -> 'retention')::text from project where project_id = $1", project_id
    )
    return orjson.loads(kept or "{}")


async def set_retention(raw: Driver, project_id: int, rules: Mapping[str, object]) -> None:
    """Put these rules in place of those that were there."""
    await raw.execute(
        """
        update project
        set settings = jsonb_set(coalesce(settings, '{}'), '{retention}', $2::jsonb)
        where project_id = $1
        """,
        project_id,
        orjson.dumps(rules).decode(),
    )


def audit_before(rules: Mapping[str, object], *, now_ns: int) -> int:
    """The time before which rows of the audit log go."""
    given = rules.get("audit_days")
    days = 0.0
    if isinstance(given, int | float) and not isinstance(given, bool):
        days = float(given)
    return now_ns - int(max(days or AUDIT_DAYS, AUDIT_LEAST_DAYS) * DAY_NS)
