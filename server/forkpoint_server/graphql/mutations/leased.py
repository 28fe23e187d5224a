"""Recording under the lease of a replay session: claimed by its start, renewed, ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import strawberry
from forkpoint.content import digest_from_text
from forkpoint.errors import EventError
from forkpoint.events.wire import read_run_end

from forkpoint_server.artifacts.trees import value_at
from forkpoint_server.db.engine import driver
from forkpoint_server.errors import BadRequest, NotFound
from forkpoint_server.graphql.context import Context
from forkpoint_server.graphql.scalars import BigInt
from forkpoint_server.live.topics import runners_topic, session_topic
from forkpoint_server.query.digests import read_run_id
from forkpoint_server.replay.baselines import learn
from forkpoint_server.replay.leases import claim, hold, note_steps
from forkpoint_server.replay.outcomes import end_of_report, failure
from forkpoint_server.replay.progress import End, end
from forkpoint_server.replay.rows import session_by_id
from forkpoint_server.security.scopes import Scope


@strawberry.input(description="The replay session that a run is recorded for.")
class ReplayLeaseInput:
    """Needs the scope `runner`. LEASE_LOST, and nothing stored, once another holds the session."""

    session: strawberry.ID
    fencing: BigInt

    @property
    def id(self) -> str:
        """The id as stored; raises `NotFound`."""
        session_id = read_run_id(self.session)
        if session_id is None:
            raise NotFound("replay session")
        return session_id


async def claim_session(context: Context, lease: ReplayLeaseInput, record: object) -> None:
    """Take the session for the run that is about to start."""
    context.principal.require(Scope.RUNNER)
    given = isinstance(record, dict)
    new_run = cast("Mapping[str, object]", record).get("run_id") if given else None
    async with context.services.database.transaction(context.project_id) as connection:
        await claim(
            await driver(connection),
            context.project_id,
            lease.id,
            lease.fencing,
            new_run=str(new_run),
            now_ns=context.services.clock(),
        )
    await _ring(context, lease)


async def renew_session(context: Context, lease: ReplayLeaseInput) -> None:
    """Hold the session for another 30 s."""
    context.principal.require(Scope.RUNNER)
    async with context.services.database.transaction(context.project_id) as connection:
        await hold(await driver(connection), context.project_id, lease.id, lease.fencing)


async def note_progress(context: Context, lease: ReplayLeaseInput) -> None:
    """Tell followers how far the new run is."""
    async with context.services.database.transaction(context.project_id) as connection:
        raw = await driver(connection)
        held = await hold(raw, context.project_id, lease.id, lease.fencing)
        await note_steps(raw, held, now_ns=context.services.clock())
    await _ring(context, lease)


async def end_session(context: Context, lease: ReplayLeaseInput, record: object) -> None:
    """End the session with what its run came to."""
    ended = await _ended(context, record)
    async with context.services.database.transaction(context.project_id) as connection:
        raw = await driver(connection)
        held = await hold(raw, context.project_id, lease.id, lease.fencing)
        job = await end(raw, held, ended, now_ns=context.services.clock())
        session = await session_by_id(raw, context.project_id, lease.id)
        if session is not None:
            await learn(raw, session, ended, now_ns=context.services.clock())
    await _ring(context, lease, runners_topic(context.project_id))  # it has room for another
    if job is not None:
        await context.services.wake(job)


async def _ended(context: Context, record: object) -> End:
    try:
        run_end = read_run_end(record)
    except EventError as error:
        raise BadRequest(error.message, code=error.code) from None
    ref = next((ref for ref in run_end.artifacts if ref.role == "replay_report"), None)
    if ref is not None and ref.root is not None:
        async with context.services.database.reading(context.project_id) as connection:
            root = digest_from_text(ref.root)
            blobs = context.services.blobs
            report = await value_at(connection, context.project_id, root, blobs=blobs)
        if isinstance(report, dict):
            return end_of_report(cast("Mapping[str, object]", report))
    if run_end.verdict is not None:
        return End(verdict=run_end.verdict)
    return failure("internal", "the run ended without a verdict")


async def _ring(context: Context, lease: ReplayLeaseInput, *also: str) -> None:
    await context.services.publisher(context.project_id).rang(session_topic(lease.id), *also)
