"""Root fields that answer in columns: timeline, skeleton; and the figures of many runs."""

from __future__ import annotations

from typing import Annotated

import strawberry

from forkpoint_server.errors import BadRequest, NotFound
from forkpoint_server.graphql.context import Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.scalars import BigInt
from forkpoint_server.graphql.types.enums import TimelineAxis
from forkpoint_server.graphql.types.inputs import RunFilterInput, StepFilterInput
from forkpoint_server.graphql.types.stats import RunGroup, RunStat
from forkpoint_server.graphql.types.timeline import SkeletonChunk, TimelineSlice
from forkpoint_server.query.digests import read_run_id
from forkpoint_server.query.skeleton import skeleton_chunk
from forkpoint_server.query.stats import run_stats
from forkpoint_server.query.timeline import timeline_slice
from forkpoint_server.security.scopes import Scope

META = Needs(Scope.READ_META)
WIDEST = 16_384
"""Pixels; more than any screen has."""


@strawberry.type
class BulkQuery:
    """Part of the query type."""

    @strawberry.field(extensions=[META])
    async def timeline(
        self,
        info: Info,
        run_id: strawberry.ID,
        width: int,
        from_: Annotated[BigInt | None, strawberry.argument(name="from")] = None,
        to: BigInt | None = None,
        axis: TimelineAxis = TimelineAxis.TIME,
        filter: StepFilterInput | None = None,
    ) -> TimelineSlice:
        """What a timeline of `width` pixels needs to draw."""
        if not 1 <= width <= WIDEST:
            raise BadRequest(f"`width` must be from 1 to {WIDEST}", field="width")
        context = info.context
        async with context.services.database.reading(context.project_id) as connection:
            part = await timeline_slice(
                connection,
                context.project_id,
                _known(run_id),
                axis=axis.value,
                width=width,
                asked=(from_, to),
                filter=filter.read() if filter else None,
            )
        if part is None:
            raise NotFound("run")
        return TimelineSlice.of(part)

    @strawberry.field(extensions=[META])
    async def skeleton(self, info: Info, run_id: strawberry.ID, chunk: int = 0) -> SkeletonChunk:
        """The steps of a run as columns."""
        context = info.context
        async with context.services.database.reading(context.project_id) as connection:
            part = await skeleton_chunk(connection, context.project_id, _known(run_id), chunk)
        if part is None:
            raise NotFound("run")
        return SkeletonChunk.of(chunk, part)

    @strawberry.field(extensions=[META])
    async def run_stats(
        self, info: Info, group_by: RunGroup = RunGroup.DAY, filter: RunFilterInput | None = None
    ) -> list[RunStat]:
        """Figures of runs by group, at most 400 groups, days and then names in order."""
        context = info.context
        where = filter.read() if filter else None
        async with context.services.database.reading(context.project_id) as connection:
            rows = await run_stats(connection, context.project_id, group=group_by, filter=where)
        return [RunStat.of(row) for row in rows]


def _known(run_id: str) -> str:
    stored = read_run_id(run_id)
    if stored is None:
        raise NotFound("run")
    return stored
