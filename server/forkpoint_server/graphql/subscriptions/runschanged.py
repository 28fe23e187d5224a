"""Following a project: which runs appeared or changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from functools import partial

import strawberry

from forkpoint_server import telemetry
from forkpoint_server.graphql.context import Context, Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.live.outages import outlast
from forkpoint_server.live.topics import project_topic
from forkpoint_server.query.feed import recent_marks
from forkpoint_server.security.scopes import Scope

BETWEEN_S = 0.5
"""Least seconds between two messages."""


@strawberry.type
class RunsChangedSubscription:
    """Part of the subscription type."""

    @strawberry.subscription(extensions=[Needs(Scope.READ_META)])
    async def runs_changed(self, info: Info) -> AsyncGenerator[list[strawberry.ID], None]:
        """Ids of runs that appeared or changed, coalesced to two messages a second."""
        with telemetry.subscriptions.labels(field="runsChanged").track_inprogress():
            async for ids in changes(info.context):
                telemetry.live_messages.labels(field="runsChanged").inc()
                yield [strawberry.ID(run_id) for run_id in ids]


async def changes(context: Context) -> AsyncGenerator[list[str]]:
    """Ids from wake-ups; when none can come, from comparing the newest runs with the last look."""
    listener = context.services.listener
    async with listener.subscribed(project_topic(context.project_id)) as signal:
        marks = await _marks(context)
        while True:
            rung = await signal.wait()
            if not rung or "" in rung:
                now = await outlast(partial(_marks, context))
                rung |= {run_id for run_id, mark in now.items() if marks.get(run_id) != mark}
                marks = now
            if ids := sorted(rung - {""}):
                yield ids
            await asyncio.sleep(BETWEEN_S)


async def _marks(context: Context) -> dict[str, tuple[object, ...]]:
    async with context.services.database.reading(context.project_id) as connection:
        return await recent_marks(connection, context.project_id)
