"""Following the verification of a cause: each state of it until it is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from functools import partial

import strawberry

from forkpoint_server import telemetry
from forkpoint_server.db.engine import driver
from forkpoint_server.diff import attributions
from forkpoint_server.errors import NotFound
from forkpoint_server.graphql.context import Context, Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.types.attribution import Attribution
from forkpoint_server.live.outages import outlast
from forkpoint_server.live.pace import Pace
from forkpoint_server.live.topics import attribution_topic
from forkpoint_server.query.digests import read_run_id
from forkpoint_server.security.scopes import Scope


@strawberry.type
class AttributionProgressSubscription:
    """Part of the subscription type."""

    @strawberry.subscription(extensions=[Needs(Scope.READ_META)])
    async def attribution_progress(
        self, info: Info, id: strawberry.ID
    ) -> AsyncGenerator[Attribution, None]:
        """The verification as it is, then as it changes; completes when it is over."""
        with telemetry.subscriptions.labels(field="attributionProgress").track_inprogress():
            async for row in follow(info.context, id):
                telemetry.live_messages.labels(field="attributionProgress").inc()
                yield Attribution.of(row)


async def follow(context: Context, given: str) -> AsyncGenerator[attributions.Attribution]:
    """Each state once; the topic is followed before the first look: nothing is missed."""
    attribution_id = read_run_id(given)
    if attribution_id is None:
        raise NotFound("attribution")
    told, pace, now = -1, Pace(), asyncio.get_running_loop().time
    async with context.services.listener.subscribed(attribution_topic(attribution_id)) as signal:
        while True:
            signal.take()
            row = await outlast(partial(_row, context, attribution_id))
            if row is None:
                raise NotFound("attribution")
            if row.head > told:
                told = row.head
                yield row
            if not row.is_open:
                return
            await signal.wait()
            await asyncio.sleep(pace.delay(now()))


async def _row(context: Context, attribution_id: str) -> attributions.Attribution | None:
    async with context.services.database.reading(context.project_id) as connection:
        return await attributions.by_id(
            await driver(connection), context.project_id, attribution_id
        )
