"""A replay session as it is stored, and how one is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from forkpoint.events.kinds import Verdict

from forkpoint_server.db.engine import Driver
from forkpoint_server.replay.words import OPEN_STATES, Executor, SessionState

COLUMNS = """
  run_id::text, session_id::text, project_id, client_id, sample, kind, executor, state, reason,
  message, spec::text, plan::text, failed_step::text, verdict, report::text, resumes::text,
  new_run_id::text, runner, entrypoint, owner::text, fence, claimed, head, at_key, matched, total,
  spend::text, created_ns, started_ns, ended_ns,
  coalesce((
    select run.identity = 'derived' and run.revision > replay_session.run_revision
    from run
    where run.run_id = replay_session.run_id), false) as stale
"""
Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """One attempt to replay a run; times in ns since the epoch."""

    run_id: str
    """The recording."""
    session_id: str
    project_id: int
    client_id: str
    sample: int
    kind: str
    executor: Executor
    state: SessionState
    reason: str | None
    message: str | None
    spec: Fields
    plan: Fields
    failed_step: Fields | None
    verdict: Verdict | None
    report: Fields | None
    resumes: str | None
    new_run_id: str
    """The run it makes; it exists from `running` on."""
    runner: str | None
    entrypoint: str | None
    owner: str | None
    fence: int
    claimed: bool
    head: int
    """Number of its last progress."""
    at_key: str | None
    matched: int
    total: int | None
    spend: Fields
    created_ns: int
    started_ns: int | None
    ended_ns: int | None
    stale: bool = False
    """Its recording is made of a trace, of which spans came since."""

    @property
    def is_open(self) -> bool:
        """Whether it may still change."""
        return self.state in OPEN_STATES


async def session_by_id(raw: Driver, project_id: int, session_id: str) -> SessionRow | None:
    """One session. Index: `replay_session_by_id`."""
    row = await raw.fetchrow(
        f"""
        select {COLUMNS}
        from replay_session
        where session_id = $1 and project_id = $2
        """,
        session_id,
        project_id,
    )
    return None if row is None else session_of(row)


async def sessions_of(
    raw: Driver, project_id: int, run_id: str, *, first: int, after: tuple[int, str] | None
) -> list[SessionRow]:
    """The next `first + 1` sessions of a recording, newest first; `after` is a time and an id.

    Index: `replay_session_by_start`.
    """
    created_ns, session_id = after or (2**63 - 1, "ffffffff-ffff-ffff-ffff-ffffffffffff")
    rows = await raw.fetch(
        f"""
        select {COLUMNS}
        from replay_session
        where run_id = $1 and project_id = $2 and (created_ns, session_id) < ($3, $4::uuid)
        order by created_ns desc, session_id desc
        limit $5
        """,
        run_id,
        project_id,
        created_ns,
        session_id,
        first + 1,
    )
    return [session_of(row) for row in rows]


async def count_sessions(raw: Driver, project_id: int, run_id: str) -> int:
    """How many sessions a recording has."""
    return await raw.fetchval(
        "select count(*) from replay_session where run_id = $1 and project_id = $2",
        run_id,
        project_id,
    )


async def sessions_by_client(
    raw: Driver, project_id: int, run_id: str, client_id: str
) -> Sequence[SessionRow]:
    """What an earlier request with the same client id made, by sample."""
    rows = await raw.fetch(
        f"""
        select {COLUMNS}
        from replay_session
        where run_id = $1 and project_id = $2 and client_id = $3
        order by sample
        """,
        run_id,
        project_id,
        client_id,
    )
    return [session_of(row) for row in rows]


def session_of(row: Any) -> SessionRow:
    """The session of a row with `COLUMNS`."""
    fields = dict(cast("Mapping[str, Any]", row).items())
    for name in ("spec", "plan", "spend", "failed_step", "report"):
        fields[name] = None if fields[name] is None else orjson.loads(fields[name])
    fields["executor"] = Executor(fields["executor"])
    fields["state"] = SessionState(fields["state"])
    fields["verdict"] = None if fields["verdict"] is None else Verdict(fields["verdict"])
    return SessionRow(**fields)
