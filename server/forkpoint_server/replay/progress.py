"""How a session moves: each change is one numbered row that followers read in order.

Whoever moves a session shows the fencing number under which it holds it. A session that was
cancelled, lost or taken over refuses with `LeaseLost`, so a late writer changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson
from forkpoint.events.kinds import Verdict

from forkpoint_server.db.engine import Driver
from forkpoint_server.errors import Conflict
from forkpoint_server.jobs.enqueue import enqueue
from forkpoint_server.jobs.names import JobKind
from forkpoint_server.replay.words import CAUSE, OPEN_STATES, SessionState, ended_as

PAGE = 500
_OPEN = [state.value for state in OPEN_STATES]


class LeaseLost(Conflict):
    """The session is over or held by another; what the caller still writes is refused."""

    code = "lease_lost"

    def __init__(self, session_id: str, fence: int) -> None:
        super().__init__(f"session {session_id} is no longer held under {fence}; stop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A session under the fencing number its holder was given."""

    run_id: str
    session_id: str
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a session is. None leaves what was said before."""

    state: SessionState | None = None
    key: str | None = None
    matched: int | None = None
    total: int | None = None
    spend: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a session ended."""

    verdict: Verdict | None = None
    reason: str | None = None
    message: str | None = None
    failed_step: Mapping[str, object] | None = None
    report: Mapping[str, object] | None = None
    state: SessionState | None = None
    """None: what the verdict says."""
    step: Step = field(default_factory=Step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One change of a session."""

    n: int
    state: SessionState
    key: str | None
    matched: int
    total: int | None
    spend: Mapping[str, object]
    time_ns: int


async def move(raw: Driver, held: Held, step: Step, *, now_ns: int) -> int:
    """Record progress; gives its number. Raises `LeaseLost`. Index: primary key."""
    n = await raw.fetchval(
        f"""
        with moved as (
          update replay_session
          set head = head + 1, state = coalesce($4, state), at_key = coalesce($5, at_key),
            matched = coalesce($6, matched), total = coalesce($7, total),
            spend = coalesce($8::jsonb, spend), started_ns = coalesce(started_ns, $9)
          where run_id = $1 and session_id = $2 and fence = $3 and state = any ($10::text[])
          returning *)
        {_NOTE}
        """,
        *_values(held, step),
        now_ns,
        _OPEN,
    )
    if n is None:
        raise LeaseLost(held.session_id, held.fence)
    return n


async def end(raw: Driver, held: Held, ended: End, *, now_ns: int) -> int | None:
    """Bring a session to its final state; raises `LeaseLost`.

    Gives the job that goes on with what it has shown of a cause; None if it was for none.
    """
    state = ended.state or ended_as(ended.verdict)
    step = ended.step
    n = await raw.fetchval(
        f"""
        with moved as (
          update replay_session
          set head = head + 1, state = $4, at_key = coalesce($5, at_key),
            matched = coalesce($6, matched), total = coalesce($7, total),
            spend = coalesce($8::jsonb, spend), ended_ns = $9, verdict = $11, reason = $12,
            message = $13, failed_step = $14::jsonb, report = $15::jsonb, lease_until = null
          where run_id = $1 and session_id = $2 and fence = $3 and state = any ($10::text[])
          returning *)
        {_NOTE}
        """,
        held.run_id,
        held.session_id,
        held.fence,
        state.value,
        step.key,
        step.matched,
        step.total,
        _json(step.spend),
        now_ns,
        _OPEN,
        None if ended.verdict is None else ended.verdict.value,
        ended.reason,
        ended.message,
        _json(ended.failed_step),
        _json(ended.report),
    )
    if n is None:
        raise LeaseLost(held.session_id, held.fence)
    return await _go_on(raw, held)


async def _go_on(raw: Driver, held: Held) -> int | None:
    """Queue what waits for this session. Each end has a job of its own, so none is lost to one
    that looked a moment before. Index: primary key.
    """
    row = await raw.fetchrow(
        """
        select project_id, client_id
        from replay_session
        where run_id = $1 and session_id = $2
        """,
        held.run_id,
        held.session_id,
    )
    if row is None or not row["client_id"].startswith(CAUSE):
        return None
    attribution = row["client_id"].split(":")[1]
    return await enqueue(
        raw,
        row["project_id"],
        JobKind.VERIFY_CAUSE,
        dedupe_key=f"{attribution}:{held.session_id}",
        args={"attribution": attribution},
        priority=1,
    )


async def progress_after(
    raw: Driver, project_id: int, run_id: str, session_id: str, *, after: int
) -> Sequence[Progress]:
    """The next changes after a number, at most 500. Index: primary key."""
    rows = await raw.fetch(
        """
        select n, state, at_key, matched, total, spend::text, time_ns
        from replay_progress
        where run_id = $1 and session_id = $2 and project_id = $3 and n > $4
        order by n
        limit $5
        """,
        run_id,
        session_id,
        project_id,
        after,
        PAGE,
    )
    return [
        Progress(
            n=row["n"],
            state=SessionState(row["state"]),
            key=row["at_key"],
            matched=row["matched"],
            total=row["total"],
            spend=orjson.loads(row["spend"]),
            time_ns=row["time_ns"],
        )
        for row in rows
    ]


_NOTE = """
insert into replay_progress
  (run_id, session_id, n, project_id, state, at_key, matched, total, spend, time_ns)
select run_id, session_id, head, project_id, state, at_key, matched, total, spend, $9
from moved
returning n
"""


def _values(held: Held, step: Step) -> tuple[object, ...]:
    return (
        held.run_id,
        held.session_id,
        held.fence,
        None if step.state is None else step.state.value,
        step.key,
        step.matched,
        step.total,
        _json(step.spend),
    )


def _json(value: Mapping[str, object] | None) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
