"""Following a comparison while its runs grow: a replay beside its source, as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from uuid import UUID

import strawberry
from forkpoint.diff.report import Comparison

from forkpoint_server import telemetry
from forkpoint_server.graphql.comparing import read_pair
from forkpoint_server.graphql.context import Context, Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.types.diff import DiffProgress
from forkpoint_server.live.listen import POLL_S, Signal
from forkpoint_server.live.topics import run_topic
from forkpoint_server.security.scopes import Scope

LEAST_S = 0.1
MOST_S = 10.0
"""Seconds between two looks, by what the last one took."""
SHARE = 4
"""A look is followed by a pause of so many times its own length."""


@strawberry.type
class DiffProgressSubscription:
    """Part of the subscription type."""

    @strawberry.subscription(extensions=[Needs(Scope.READ_PAYLOAD)])
    async def diff_progress(
        self, info: Info, a: strawberry.ID, b: strawberry.ID
    ) -> AsyncGenerator[DiffProgress, None]:
        """The comparison as it is, then what changes in it; completes when both runs are over."""
        with telemetry.subscriptions.labels(field="diffProgress").track_inprogress():
            before: Comparison | None = None
            async for comparison in follow(info.context, read_pair(a, b)):
                telemetry.live_messages.labels(field="diffProgress").inc()
                yield DiffProgress.of(comparison, before)
                before = comparison


async def follow(context: Context, pair: tuple[UUID, UUID]) -> AsyncGenerator[Comparison]:
    """Each state of a comparison; both topics are followed before the first look."""
    comparisons, now = context.services.comparisons, asyncio.get_running_loop().time
    told: tuple[object, ...] | None = None
    signal = Signal()
    async with AsyncExitStack() as stack:
        for run_id in pair:
            topic = run_topic(str(run_id))
            await stack.enter_async_context(context.services.listener.subscribed(topic, signal))
        while True:
            signal.take()
            began = now()
            comparison = await comparisons.compare(context.project_id, *pair)
            state = _state(comparison)
            if state != told:
                told = state
                yield comparison
            if comparison.a.sealed and comparison.b.sealed:
                return
            await asyncio.sleep(min(MOST_S, max(LEAST_S, SHARE * (now() - began))))
            await signal.wait(POLL_S)


def _state(comparison: Comparison) -> tuple[object, ...]:
    a, b = comparison.a, comparison.b
    return a.head, a.sealed, b.head, b.sealed
