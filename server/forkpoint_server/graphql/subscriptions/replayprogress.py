"""Following one replay session: each change once, in order, until it is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from functools import partial

import strawberry

from forkpoint_server import telemetry
from forkpoint_server.db.engine import driver
from forkpoint_server.errors import NotFound
from forkpoint_server.graphql.context import Context, Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.types.replay import ReplayProgress
from forkpoint_server.live.outages import outlast
from forkpoint_server.live.pace import Pace
from forkpoint_server.live.topics import session_topic
from forkpoint_server.query.digests import read_run_id
from forkpoint_server.replay.progress import PAGE, Progress, progress_after
from forkpoint_server.replay.rows import session_by_id
from forkpoint_server.replay.words import OPEN_STATES
from forkpoint_server.security.scopes import Scope


@strawberry.type
class ReplayProgressSubscription:
    """Part of the subscription type."""

    @strawberry.subscription(extensions=[Needs(Scope.READ_META)])
    async def replay_progress(
        self, info: Info, session_id: strawberry.ID, after: int = -1
    ) -> AsyncGenerator[ReplayProgress, None]:
        """Each change after number `after` once, in order; completes with the final state."""
        with telemetry.subscriptions.labels(field="replayProgress").track_inprogress():
            async for change in follow(info.context, session_id, after=after):
                telemetry.live_messages.labels(field="replayProgress").inc()
                yield ReplayProgress.of(change)


async def follow(context: Context, session_id: str, *, after: int) -> AsyncGenerator[Progress]:
    """Changes of a session; the topic is followed before the first look: nothing is missed."""
    stored_id = read_run_id(session_id)
    if stored_id is None:
        raise NotFound("replay session")
    run_id = await _run_of(context, stored_id)
    pace, now = Pace(), asyncio.get_running_loop().time
    async with context.services.listener.subscribed(session_topic(stored_id)) as signal:
        while True:
            signal.take()
            changes = await outlast(partial(_changes, context, run_id, stored_id, after))
            for change in changes:
                yield change
                after = change.n
                if change.state not in OPEN_STATES:
                    return
            if not changes and await outlast(partial(_is_over, context, stored_id, after)):
                return
            if len(changes) < PAGE:
                await signal.wait()
            await asyncio.sleep(pace.delay(now()))


async def _run_of(context: Context, session_id: str) -> str:
    async with context.services.database.reading(context.project_id) as connection:
        row = await session_by_id(await driver(connection), context.project_id, session_id)
    if row is None:
        raise NotFound("replay session")
    return row.run_id


async def _changes(
    context: Context, run_id: str, session_id: str, after: int
) -> Sequence[Progress]:
    async with context.services.database.reading(context.project_id) as connection:
        raw = await driver(connection)
        return await progress_after(raw, context.project_id, run_id, session_id, after=after)


async def _is_over(context: Context, session_id: str, after: int) -> bool:
    """Whether nothing can come after the last change seen, also for who asked beyond it."""
    async with context.services.database.reading(context.project_id) as connection:
        row = await session_by_id(await driver(connection), context.project_id, session_id)
    return row is None or (not row.is_open and row.head <= after)
