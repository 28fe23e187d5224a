"""Runners that are online, and which session each of them is given.

A runner is a row that its subscription keeps fresh. A session is delivered under a lease of 30 s
and a fencing number; if no `startRun` comes under it, another runner gets it, under a higher one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from forkpoint_server.db.engine import Driver
from forkpoint_server.replay.rows import COLUMNS, SessionRow, session_of

ONLINE = "30 seconds"
LEASE_S = 30
DELIVERIES = 5
"""How often a session is delivered before it is given up as `runner_lost`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """What a runner said of itself when it connected."""

    runner_id: str
    name: str
    entrypoints: Sequence[str]
    facts: Mapping[str, object]
    """Commit, dirty flag, digest of its lock file, Python, codecs, guard."""
    connected_ns: int


async def announce(raw: Driver, project_id: int, runner: Runner) -> None:
    """Put a runner on the list, or say that it is still there."""
    await raw.execute(
        """
        insert into runner (project_id, runner_id, name, entrypoints, facts, connected_ns)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (project_id, runner_id) do update set seen_at = clock_timestamp()
        """,
        project_id,
        runner.runner_id,
        runner.name,
        list(runner.entrypoints),
        orjson.dumps(runner.facts).decode(),
        runner.connected_ns,
    )


async def leave(raw: Driver, project_id: int, runner_id: str) -> None:
    """Take a runner off the list; its leases run out by themselves."""
    await raw.execute(
        """
        delete from runner
        where project_id = $1
          and (runner_id = $2 or seen_at < clock_timestamp() - interval '1 hour')
        """,
        project_id,
        runner_id,
    )


async def online(raw: Driver, project_id: int) -> list[Runner]:
    """Runners that were seen in the last 30 s, by name; at most 200."""
    rows = await raw.fetch(
        f"""
        select runner_id::text, name, entrypoints, facts::text, connected_ns
        from runner
        where project_id = $1 and seen_at > clock_timestamp() - interval '{ONLINE}'
        order by name, runner_id
        limit 200
        """,
        project_id,
    )
    return [
        Runner(
            runner_id=row["runner_id"],
            name=row["name"],
            entrypoints=row["entrypoints"],
            facts=orjson.loads(row["facts"]),
            connected_ns=row["connected_ns"],
        )
        for row in rows
    ]


async def awaited(raw: Driver, project_id: int, name: str | None, entrypoint: str) -> str | None:
    """What a session for this entry point waits for; None if a runner that has it is online."""
    found = await online(raw, project_id)
    names = [runner.name for runner in found if entrypoint in runner.entrypoints]
    if name is None:
        return None if names else f"no runner with {entrypoint} is online"
    return None if name in names else f"runner {name} is offline"


async def deliver(raw: Driver, project_id: int, runner: Runner, *, most: int) -> list[SessionRow]:
    """Give a runner sessions that wait for it, oldest first, up to `most` that it holds at once.

    Index: `replay_session_waiting`. Rows that others are being given are passed over.
    """
    held = await raw.fetchval(
        """
        select count(*)
        from replay_session
        where owner = $1 and project_id = $2
          and (state in ('preparing', 'running')
               or state = 'queued' and lease_until > clock_timestamp())
        """,
        runner.runner_id,
        project_id,
    )
    if held >= most:
        return []
    rows = await raw.fetch(
        f"""
        with due as materialized (
          select run_id as due_run, session_id as due_session
          from replay_session
          where project_id = $1 and executor = 'host' and state = 'queued'
            and entrypoint = any ($3::text[]) and (runner is null or runner = $4)
            and (lease_until is null or lease_until < clock_timestamp())
            and deliveries < {DELIVERIES}
          order by created_ns
          limit $5
          for update skip locked)
        update replay_session
        set owner = $2, fence = fence + 1, deliveries = deliveries + 1,
          lease_until = clock_timestamp() + interval '{LEASE_S} seconds'
        from due
        where run_id = due_run and session_id = due_session
        returning {COLUMNS}
        """,
        project_id,
        runner.runner_id,
        list(runner.entrypoints),
        runner.name,
        most - held,
    )
    return sorted((session_of(row) for row in rows), key=lambda row: row.created_ns)


async def over(raw: Driver, project_id: int, session_ids: Sequence[str]) -> dict[str, bool]:
    """Those of some sessions that have ended, and whether whoever executes them must stop.

    One that finished was ended by the runner itself, whose process may just be leaving.
    """
    rows = await raw.fetch(
        """
        select session_id::text, state in ('cancelled', 'failed')
        from replay_session
        where session_id = any ($1::uuid[]) and project_id = $2
          and state not in ('queued', 'preparing', 'running')
        """,
        list(session_ids),
        project_id,
    )
    return {row[0]: row[1] for row in rows}
