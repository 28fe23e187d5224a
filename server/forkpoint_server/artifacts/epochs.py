"""The collector's clock of a project, and the lock that keeps writers and collector apart.

Writers of blocks hold the project's lock shared; the collector takes it alone for the moment in
which it decides (content tree guide, section 7). Locks are taken in this order: project, runs by
id, blocks by digest.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from forkpoint_server.db.engine import Driver

PROJECT_LOCK = 0x6670
"""First key of the advisory locks on projects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """Where the collector of a project stands."""

    gen: int
    """Generation that new blocks and artifacts are written with."""
    sweep: bool
    """Whether unmarked blocks of older generations are being deleted now."""
    rulesets: frozenset[str] = frozenset()
    """Redaction rule sets the project has registered besides ours."""


async def enter(driver: Driver, project_id: int) -> Epoch:
    """Share the project with other writers until the transaction ends, and read its epoch.

    Two statements: the second must see what a collector committed while the first one waited.
    """
    await driver.execute(
        "select pg_advisory_xact_lock_shared($1::int, $2::int)", PROJECT_LOCK, project_id
    )
    row = await driver.fetchrow(
        "select gen, sweep, (settings -> 'rulesets')::text from project where project_id = $1",
        project_id,
    )
    return Epoch(gen=row[0], sweep=row[1], rulesets=frozenset(orjson.loads(row[2] or "[]")))


async def enter_alone(driver: Driver, project_id: int) -> None:
    """Have the project to oneself until the transaction ends; waits for all writers."""
    await driver.execute("select pg_advisory_xact_lock($1::int, $2::int)", PROJECT_LOCK, project_id)
