"""Sessions begin, are cancelled, and get what they came to; one request makes one per sample."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec
import orjson
from forkpoint.events.ids import run_id as make_run_id

from forkpoint_server.db.engine import Driver
from forkpoint_server.errors import BadRequest, Conflict, LimitExceeded, NotFound
from forkpoint_server.jobs.enqueue import enqueue
from forkpoint_server.jobs.names import JobKind
from forkpoint_server.replay.plans import Asked, Planned
from forkpoint_server.replay.progress import End, Held, end
from forkpoint_server.replay.rows import SessionRow, session_by_id, sessions_by_client
from forkpoint_server.replay.words import Executor, SessionState

MOST_SAMPLES = 50
ClockNs = Callable[[], int]


async def begin_sessions(
    raw: Driver,
    project_id: int,
    asked: Asked,
    planned: Planned,
    *,
    samples: int,
    client_id: str | None,
    now_ns: int,
) -> tuple[Sequence[SessionRow], Sequence[int]]:
    """Make the sessions of one request; also gives the jobs that a worker may be woken for.

    The same client id gives the same sessions again. Raises `BadRequest` with the code of a refusal
    of the plan, and `Conflict` if the client id stands for another replay.
    """
    if planned.refusals:
        first = planned.refusals[0]
        raise BadRequest(first.message, code=first.code, field=first.field)
    client_id = client_id or str(uuid.uuid4())
    known = await sessions_by_client(raw, project_id, asked.run_id, client_id)
    if known:
        _check_same(known, asked, planned, samples)
        return known, ()
    plan = orjson.dumps(plan_json(planned)).decode()
    each = [with_model(asked, model) for model in asked.models] or [asked]
    if samples * len(each) > MOST_SAMPLES:
        raise LimitExceeded("samples", MOST_SAMPLES, "samples times models are too many sessions")
    for sample in range(samples * len(each)):
        one = each[sample % len(each)]
        await _insert(raw, project_id, one, planned, plan, client_id, sample, now_ns)
    made = await sessions_by_client(raw, project_id, asked.run_id, client_id)
    jobs = [await _job(raw, session) for session in made if session.executor is not Executor.HOST]
    return made, [job for job in jobs if job is not None]


def with_model(asked: Asked, model: str) -> Asked:
    """The same replay with one of its models, from the cut on."""
    return replace(asked, edits=[*asked.edits, {"kind": "model", "value": model}])


async def cancel(raw: Driver, project_id: int, session_id: str, *, now_ns: int) -> SessionRow:
    """End a session now; whoever executes it is refused from here on. Raises `NotFound`."""
    await raw.fetchval(
        "select 1 from replay_session where session_id = $1 and project_id = $2 for update",
        session_id,
        project_id,
    )
    session = await session_by_id(raw, project_id, session_id)
    if session is None:
        raise NotFound("replay session")
    if not session.is_open:
        return session
    held = Held(run_id=session.run_id, session_id=session_id, fence=session.fence)
    ended = End(state=SessionState.CANCELLED, reason="cancelled", message="somebody cancelled it")
    await end(raw, held, ended, now_ns=now_ns)
    after = await session_by_id(raw, project_id, session_id)
    return after or session


def plan_json(planned: Planned) -> dict[str, object]:
    """A plan as it is kept with its sessions."""
    return {
        "executor": planned.executor.value,
        "says": list(planned.says),
        "head": planned.head,
        "plan": msgspec.to_builtins(planned.plan),
    }


async def _insert(
    raw: Driver,
    project_id: int,
    asked: Asked,
    planned: Planned,
    plan: str,
    client_id: str,
    sample: int,
    now_ns: int,
) -> None:
    session_id = str(uuid.uuid4())
    new_run = make_run_id(now_ns, os.urandom(10))
    spec = {
        **asked.spec(session_id, new_run),
        "models": list(asked.models),
        "arguments": asked.arguments,
    }
    await raw.execute(
        """
        with made as (
          insert into replay_session (
            run_id, session_id, project_id, client_id, sample, kind, executor, spec, plan, resumes,
            new_run_id, runner, entrypoint, total, created_ns, run_revision)
          values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9::jsonb, $10, $11, $12, $13, $14, $15,
            (select revision from run where run_id = $1))
          returning *)
        insert into replay_progress
          (run_id, session_id, n, project_id, state, matched, total, spend, time_ns)
        select run_id, session_id, 0, project_id, state, 0, total, spend, created_ns
        from made
        """,
        asked.run_id,
        session_id,
        project_id,
        client_id,
        sample,
        spec["kind"],
        planned.executor.value,
        orjson.dumps(spec).decode(),
        plan,
        asked.resumes,
        new_run,
        asked.runner,
        asked.entrypoint,
        None if planned.plan is None else planned.plan.steps,
        now_ns,
    )


async def _job(raw: Driver, session: SessionRow) -> int | None:
    return await enqueue(
        raw,
        session.project_id,
        JobKind.REPLAY,
        dedupe_key=session.session_id,
        run_id=session.run_id,
        args={"session": session.session_id},
        priority=1,
    )


def _check_same(known: Sequence[SessionRow], asked: Asked, planned: Planned, samples: int) -> None:
    first = known[0]
    asked = with_model(asked, asked.models[0]) if asked.models else asked
    samples *= max(1, len(asked.models))
    same = asked.spec(first.session_id, first.new_run_id)
    stored = {name: first.spec.get(name) for name in same}
    equal = orjson.dumps(same) == orjson.dumps(stored)
    if len(known) != samples or first.executor is not planned.executor or not equal:
        raise Conflict("this client id stands for another replay; use a new one")
