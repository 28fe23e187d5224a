"""Following one run: each later event once, in order, whatever happens to Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import partial
from typing import cast

import strawberry

from forkpoint_server import telemetry
from forkpoint_server.db.engine import driver
from forkpoint_server.errors import NotFound
from forkpoint_server.graphql.context import Context, Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.scalars import JSON, BigInt
from forkpoint_server.graphql.types.enums import RunStatus
from forkpoint_server.graphql.types.feed import RunEventBatch
from forkpoint_server.live.listen import Signal
from forkpoint_server.live.outages import outlast
from forkpoint_server.live.pace import Pace
from forkpoint_server.live.topics import run_topic, session_topic
from forkpoint_server.query.digests import read_run_id
from forkpoint_server.query.feed import FEED_ROWS, Standing, feed_page, standing
from forkpoint_server.replay.rows import session_by_id
from forkpoint_server.security.scopes import Scope

BEGINNING = BigInt(-1)


@strawberry.type
class RunEventsSubscription:
    """Part of the subscription type."""

    @strawberry.subscription(extensions=[Needs(Scope.READ_META)])
    async def run_events(
        self,
        info: Info,
        run_id: strawberry.ID,
        after: BigInt = BEGINNING,
        session: strawberry.ID | None = None,
    ) -> AsyncGenerator[RunEventBatch, None]:
        """Each event after `after` once, in order of seq; completes when the run is over.

        A run that the replay `session` is about to make is waited for.
        """
        with telemetry.subscriptions.labels(field="runEvents").track_inprogress():
            async for batch in follow(info.context, run_id, after=after, session=session):
                telemetry.live_messages.labels(field="runEvents").inc()
                yield batch


async def follow(
    context: Context, run_id: str, *, after: int, session: str | None = None
) -> AsyncGenerator[RunEventBatch]:
    """Batches of a run. The topic is followed before the first page is read: nothing is missed."""
    stored_id = read_run_id(run_id)
    if stored_id is None:
        raise NotFound("run")
    seen, told = after, None
    pace, now = Pace(), asyncio.get_running_loop().time
    async with context.services.listener.subscribed(run_topic(stored_id)) as signal:
        if session is not None:
            await _begun(context, stored_id, session, signal)
        while True:
            # what rang before this look is covered by it
            signal.take()
            look = partial(_look, context, stored_id, after=seen)
            stand, events = await (look() if told is None else outlast(look))
            is_over = stand.finished and seen + len(events) >= stand.head
            if events or is_over or told != stand.status:
                batch = _batch(stand, events, after=seen, is_over=is_over)
                seen, told = batch.to_seq, stand.status
                yield batch
            if is_over:
                return
            if len(events) < FEED_ROWS:
                await signal.wait()
                await asyncio.sleep(pace.delay(now()))


async def _begun(context: Context, run_id: str, session: str, bell: Signal) -> None:
    """Return once the run is there; raises `NotFound` once its session is over without it."""
    session_id = read_run_id(session)
    if session_id is None:
        raise NotFound("replay session")
    comes = partial(_comes, context, run_id, session_id)
    async with context.services.listener.subscribed(session_topic(session_id), bell):
        bell.take()
        coming = await comes()
        while coming:
            await bell.wait()
            coming = await outlast(comes)


async def _comes(context: Context, run_id: str, session_id: str) -> bool:
    """Whether an open session has yet to make the run; False if it is there. Raises `NotFound`."""
    project_id = context.project_id
    async with context.services.database.reading(project_id) as connection:
        if await standing(connection, project_id, run_id) is not None:
            return False
        session = await session_by_id(await driver(connection), project_id, session_id)
    if session is None or not session.is_open or session.new_run_id != run_id:
        raise NotFound("run")
    return True


async def _look(
    context: Context, run_id: str, *, after: int
) -> tuple[Standing, Sequence[Mapping[str, object]]]:
    """Where the run stands, then what came: so a finished run's last page is complete."""
    project_id = context.project_id
    async with context.services.database.reading(project_id) as connection:
        stand = await standing(connection, project_id, run_id)
        if stand is None:
            raise NotFound("run")
        if stand.head <= after:
            return stand, []
        return stand, await feed_page(connection, project_id, run_id, after=after)


def _batch(
    stand: Standing, events: Sequence[Mapping[str, object]], *, after: int, is_over: bool
) -> RunEventBatch:
    last = cast("int", events[-1]["seq"]) if events else max(after, -1)
    # the status that ends the stream is told with the last events, not before them
    status = stand.status if is_over or not stand.finished else RunStatus.RUNNING
    return RunEventBatch(
        from_seq=BigInt(after + 1),
        to_seq=BigInt(last),
        head=BigInt(stand.head),
        status=RunStatus(status),
        started_ns=BigInt(stand.started_ns),
        events=JSON(events),
    )
