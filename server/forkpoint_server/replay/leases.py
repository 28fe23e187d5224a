"""Who executes a session of a runner: claimed once, renewed by each batch, lost after 30 s."""

from __future__ import annotations

from datetime import timedelta

from forkpoint_server.db.engine import Driver
from forkpoint_server.errors import BadRequest, NotFound
from forkpoint_server.jobs.enqueue import enqueue
from forkpoint_server.jobs.names import JobKind
from forkpoint_server.replay.progress import End, Held, LeaseLost, Step, end, move
from forkpoint_server.replay.rows import SessionRow, session_by_id
from forkpoint_server.replay.runners import LEASE_S
from forkpoint_server.replay.words import SessionState

LEASE = timedelta(seconds=LEASE_S)
LATE = timedelta(seconds=1)
"""How long after a lease is over somebody looks at it."""
_RENEW = f"lease_until = clock_timestamp() + interval '{LEASE_S} seconds'"


async def claim(
    raw: Driver, project_id: int, session_id: str, fence: int, *, new_run: str, now_ns: int
) -> Held:
    """Take a delivered session by its `startRun`; the same claim again changes nothing.

    Raises `LeaseLost` for any but the newest fencing number and for a session that is over,
    `NotFound`, and `BadRequest` if the run is not the one the session is to make.
    """
    session = await _known(raw, project_id, session_id)
    if session.new_run_id != new_run:
        raise BadRequest(
            f"session {session_id} makes run {session.new_run_id}, not {new_run}", field="record"
        )
    held = Held(run_id=session.run_id, session_id=session_id, fence=fence)
    await renew(raw, held)
    if session.claimed:
        return held
    await raw.execute(
        """
        update replay_session
        set claimed = true
        where run_id = $1 and session_id = $2 and fence = $3
        """,
        session.run_id,
        session_id,
        fence,
    )
    await move(raw, held, Step(state=SessionState.RUNNING), now_ns=now_ns)
    return held


async def take(raw: Driver, session: SessionRow, fence: int, *, now_ns: int) -> Held:
    """Hold a session under the fence of a worker's job; raises `LeaseLost` under an older one."""
    tag = await raw.execute(
        """
        update replay_session
        set fence = $3, claimed = true
        where run_id = $1 and session_id = $2 and fence <= $3
          and state in ('queued', 'preparing', 'running')
        """,
        session.run_id,
        session.session_id,
        fence,
    )
    if tag != "UPDATE 1":
        raise LeaseLost(session.session_id, fence)
    held = Held(run_id=session.run_id, session_id=session.session_id, fence=fence)
    await move(raw, held, Step(state=SessionState.PREPARING), now_ns=now_ns)
    return held


async def renew(raw: Driver, held: Held) -> None:
    """Hold a session for another 30 s; raises `LeaseLost`."""
    tag = await raw.execute(
        f"""
        update replay_session
        set {_RENEW}
        where run_id = $1 and session_id = $2 and fence = $3
          and state in ('queued', 'preparing', 'running')
        """,
        held.run_id,
        held.session_id,
        held.fence,
    )
    if tag != "UPDATE 1":
        raise LeaseLost(held.session_id, held.fence)


async def hold(raw: Driver, project_id: int, session_id: str, fence: int) -> Held:
    """Renew a lease by the id of its session; as `renew`, and `NotFound`."""
    session = await _known(raw, project_id, session_id)
    held = Held(run_id=session.run_id, session_id=session_id, fence=fence)
    await renew(raw, held)
    return held


async def note_steps(raw: Driver, held: Held, *, now_ns: int) -> None:
    """Take over how far the new run is. Indexes: primary key of `run`, `step` by seq."""
    row = await raw.fetchrow(
        """
        select run.step_count, last.key
        from replay_session
        join run on run.run_id = replay_session.new_run_id
        left join lateral (
          select key
          from step
          where step.run_id = run.run_id
          order by seq desc
          limit 1
        ) as last on true
        where replay_session.run_id = $1 and replay_session.session_id = $2
        """,
        held.run_id,
        held.session_id,
    )
    if row is not None:
        step = Step(key=row["key"], matched=row["step_count"])
        await move(raw, held, step, now_ns=now_ns)


async def watch(
    raw: Driver, session: SessionRow, *, round: int = 0, left: timedelta = LEASE
) -> None:
    """Have the lease of a session looked at when what is left of it should be over."""
    await enqueue(
        raw,
        session.project_id,
        JobKind.WATCH_REPLAY,
        dedupe_key=f"{session.session_id}:{session.fence}:{round}",
        run_id=session.run_id,
        args={"session": session.session_id, "fence": session.fence, "round": round},
        delay=left + LATE,
    )


async def look_after(
    raw: Driver, project_id: int, session_id: str, fence: int, *, round: int, now_ns: int
) -> SessionRow | None:
    """End a session whose runner is gone and give it; watch on while it is there.

    One that was never claimed is left to be delivered again.
    """
    session = await session_by_id(raw, project_id, session_id)
    if session is None or not session.is_open or session.fence != fence:
        return None
    left = await raw.fetchval(
        """
        select lease_until - clock_timestamp()
        from replay_session
        where run_id = $1 and session_id = $2
        for update
        """,
        session.run_id,
        session_id,
    )
    if left >= timedelta():
        await watch(raw, session, round=round + 1, left=left)
        return None
    if not session.claimed and await _may_be_delivered(raw, session):
        return None
    held = Held(run_id=session.run_id, session_id=session_id, fence=fence)
    message = f"the runner was not heard of for {LEASE_S} s"
    failed = {
        "key": session.at_key,
        "sequence": None,
        "sourceKey": session.at_key,
        "reason": "runner_lost",
    }
    ended = End(
        state=SessionState.FAILED, reason="runner_lost", message=message, failed_step=failed
    )
    await end(raw, held, ended, now_ns=now_ns)
    return session


async def _may_be_delivered(raw: Driver, session: SessionRow) -> bool:
    """Whether another delivery is allowed; no runner needs to be there for it now."""
    from_row = await raw.fetchval(
        "select deliveries < 5 from replay_session where run_id = $1 and session_id = $2",
        session.run_id,
        session.session_id,
    )
    return bool(from_row)


async def _known(raw: Driver, project_id: int, session_id: str) -> SessionRow:
    session = await session_by_id(raw, project_id, session_id)
    if session is None:
        raise NotFound("replay session")
    return session
