"""Starting, cancelling and ending replays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import cast

import orjson
import strawberry

from forkpoint_server.db.engine import Driver, driver
from forkpoint_server.errors import BadRequest, NotFound
from forkpoint_server.graphql.context import Context, Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.scalars import JSON, BigInt
from forkpoint_server.graphql.types.nodes import ReplaySession
from forkpoint_server.graphql.types.replayinputs import StartReplayInput
from forkpoint_server.graphql.types.replayplan import ReplayPlan
from forkpoint_server.live.topics import runners_topic, session_topic
from forkpoint_server.query.digests import read_run_id
from forkpoint_server.replay.baselines import learn
from forkpoint_server.replay.leases import hold
from forkpoint_server.replay.outcomes import end_of_report, failure
from forkpoint_server.replay.plans import Asked, Planned, plan_replay
from forkpoint_server.replay.progress import end
from forkpoint_server.replay.resuming import resumed
from forkpoint_server.replay.rows import SessionRow, session_by_id
from forkpoint_server.replay.sessions import begin_sessions, cancel
from forkpoint_server.replay.words import Executor
from forkpoint_server.security.audit import Action, Entry, named, record
from forkpoint_server.security.scopes import Scope

REPLAY = Needs(Scope.REPLAY)


@strawberry.type(description="The plan, and the sessions that follow it.")
class StartReplayPayload:
    """With `dryRun` there are no sessions."""

    plan: ReplayPlan
    sessions: list[ReplaySession]


@strawberry.input(description="Which session to end.")
class CancelReplayInput:
    """Cancelling one that is over changes nothing."""

    session: strawberry.ID


@strawberry.type(description="The session as it is now.")
class CancelReplayPayload:
    """`state` is CANCELLED unless it had ended before."""

    session: ReplaySession


@strawberry.input(description="What a session came to, told by the runner that holds it.")
class EndReplayInput:
    """`report` is `forkpoint.divergence/1`; without one `code` says what went wrong."""

    session: strawberry.ID
    fencing: BigInt
    report: JSON | None = None
    code: str | None = None
    message: str | None = None


@strawberry.type(description="The session as it is now.")
class EndReplayPayload:
    """Its state is final."""

    session: ReplaySession


@strawberry.type
class ReplayMutation:
    """Part of the mutation type."""

    @strawberry.mutation(extensions=[REPLAY])
    async def start_replay(self, info: Info, input: StartReplayInput) -> StartReplayPayload:
        """Replay or fork a run; with `dryRun` only say what that would do."""
        context = info.context
        asked = input.read(context.principal)
        async with context.services.database.transaction(context.project_id) as connection:
            raw = await driver(connection)
            asked = await resumed(raw, context.project_id, asked)
            planned = await plan_replay(raw, context.project_id, asked)
            plan = ReplayPlan.of(planned, is_fork=asked.is_fork)
            if input.dry_run:
                return StartReplayPayload(plan=plan, sessions=[])
            sessions, jobs = await begin_sessions(
                raw,
                context.project_id,
                asked,
                planned,
                samples=input.samples,
                client_id=input.client_id,
                now_ns=context.services.clock(),
            )
            await note_grants(context, raw, asked, planned, [row.session_id for row in sessions])
        for job in jobs:
            await context.services.wake(job)
        if planned.executor is Executor.HOST:
            await _ring(context, runners_topic(context.project_id))
        return StartReplayPayload(plan=plan, sessions=[ReplaySession.of(row) for row in sessions])

    @strawberry.mutation(extensions=[REPLAY])
    async def cancel_replay(self, info: Info, input: CancelReplayInput) -> CancelReplayPayload:
        """End a session now; its run, if it began, ends as cancelled."""
        context = info.context
        session_id = _read(input.session)
        async with context.services.database.transaction(context.project_id) as connection:
            row = await cancel(
                await driver(connection),
                context.project_id,
                session_id,
                now_ns=context.services.clock(),
            )
        await _ring(context, session_topic(session_id), runners_topic(context.project_id))
        return CancelReplayPayload(session=ReplaySession.of(row))

    @strawberry.mutation(extensions=[Needs(Scope.RUNNER)])
    async def end_replay(self, info: Info, input: EndReplayInput) -> EndReplayPayload:
        """Say what a session came to; LEASE_LOST if it is over or held by another."""
        context = info.context
        session_id = _read(input.session)
        if input.report is None:
            ended = failure(input.code or "internal", input.message)
        else:
            ended = end_of_report(_object(input.report))
        async with context.services.database.transaction(context.project_id) as connection:
            raw = await driver(connection)
            held = await hold(raw, context.project_id, session_id, input.fencing)
            job = await end(raw, held, ended, now_ns=context.services.clock())
            row = _there(await session_by_id(raw, context.project_id, session_id))
            await learn(raw, row, ended, now_ns=context.services.clock())
        await _ring(context, session_topic(session_id), runners_topic(context.project_id))
        if job is not None:
            await context.services.wake(job)
        return EndReplayPayload(session=ReplaySession.of(row))


async def note_grants(
    context: Context, raw: Driver, asked: Asked, planned: Planned, ids: Sequence[str]
) -> None:
    """Write down what a replay may do outside; most may do nothing. `ids`: of its sessions, or of
    the verification that they are for.
    """
    hosts = () if planned.plan is None else planned.plan.hosts
    policy = asked.policy or {}
    effects = policy.get("allow_effects")
    if not hosts and not effects:
        return
    facts: dict[str, object] = {
        "hosts": list(hosts),
        "effects": effects or [],
        "policy": hashlib.sha256(orjson.dumps(policy, option=orjson.OPT_SORT_KEYS)).hexdigest(),
        "sessions": named(ids),
    }
    entry = Entry(action=Action.REPLAY_GRANTED, target=asked.run_id, facts=facts)
    await record(raw, context.principal, entry, now_ns=context.services.clock())


async def _ring(context: Context, *topics: str) -> None:
    await context.services.publisher(context.project_id).rang(*topics)


def _read(text: str) -> str:
    session_id = read_run_id(text)
    if session_id is None:
        raise NotFound("replay session")
    return session_id


def _there(row: SessionRow | None) -> SessionRow:
    if row is None:
        raise NotFound("replay session")
    return row


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise BadRequest("`report` must be an object", field="report")
    return cast("Mapping[str, object]", value)
