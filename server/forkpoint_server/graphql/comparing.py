"""The root field that compares two runs, and what is said of comparisons that take long."""

from __future__ import annotations

from uuid import UUID

import strawberry
from forkpoint.diff.cohort import MOST_RUNS, cohort_of

from forkpoint_server.db.engine import driver
from forkpoint_server.diff.comparisons import TooManySteps
from forkpoint_server.diff.stored import Asked, asked, request
from forkpoint_server.errors import LimitExceeded, NotFound
from forkpoint_server.graphql.context import Context, Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.scalars import JSON
from forkpoint_server.graphql.types.diff import DiffReport, DiffRequest
from forkpoint_server.query.digests import read_run_id
from forkpoint_server.security.scopes import Scope

Pair = tuple[UUID, UUID]


@strawberry.type
class DiffQuery:
    """Part of the query type."""

    @strawberry.field(extensions=[Needs(Scope.READ_PAYLOAD)])
    async def diff(self, info: Info, a: strawberry.ID, b: strawberry.ID) -> DiffReport:
        """Run `b` against the base `a`; beyond 20,000 steps a side ask `requestDiff` first."""
        context = info.context
        comparison = await context.services.comparisons.compare(
            context.project_id, *read_pair(a, b)
        )
        return DiffReport.of(comparison)

    @strawberry.field(
        extensions=[Needs(Scope.READ_PAYLOAD)],
        description="How far a comparison is that was asked for with requestDiff",
    )
    async def diff_request(self, info: Info, a: strawberry.ID, b: strawberry.ID) -> DiffRequest:
        """Nothing is queued by looking."""
        return await stored_or_asked(info.context, read_pair(a, b), queue=False)

    @strawberry.field(
        extensions=[Needs(Scope.READ_PAYLOAD)],
        description="Where runs that came to another outcome part from the base, beside those that "
        "came to the same; at most 50 runs. Format forkpoint.cohort/1",
    )
    async def cohort(self, info: Info, base: strawberry.ID, runs: list[strawberry.ID]) -> JSON:
        """One run against many of the same agent and input."""
        if len(runs) > MOST_RUNS:
            raise LimitExceeded("runs", MOST_RUNS)
        context = info.context
        found, left_out = await context.services.comparisons.compare_each(
            context.project_id, _run_id(base), [_run_id(run) for run in runs]
        )
        return JSON(cohort_of(found, left_out=[str(run) for run in left_out]).to_json())


def read_pair(a: str, b: str) -> Pair:
    """The ids of both runs; raises `NotFound` for what cannot be one."""
    return _run_id(a), _run_id(b)


async def stored_or_asked(context: Context, pair: Pair, *, queue: bool) -> DiffRequest:
    """The comparison if it is there or short, else where its job stands; `queue` makes one."""
    services, project_id = context.services, context.project_id
    draft: DiffReport | None = None
    try:
        comparison = await services.comparisons.compare(project_id, *pair)
        if comparison.examined:
            return DiffRequest(state="ready", report=DiffReport.of(comparison))
        draft = DiffReport.of(comparison)
    except TooManySteps:
        pass
    if queue:
        async with services.database.transaction(project_id) as connection:
            job = await request(await driver(connection), project_id, *pair)
        if job is not None:
            await services.wake(job)
    async with services.database.reading(project_id) as connection:
        found = await asked(await driver(connection), project_id, *pair)
    return DiffRequest.of(found or Asked(state="none"), draft)


def _run_id(given: str) -> UUID:
    run_id = read_run_id(given)
    if run_id is None:
        raise NotFound("run")
    return UUID(run_id)
