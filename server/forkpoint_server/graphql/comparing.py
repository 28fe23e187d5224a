"""The root field that compares two runs."""

from __future__ import annotations

from uuid import UUID

import strawberry

from forkpoint_server.errors import NotFound
from forkpoint_server.graphql.context import Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.types.diff import DiffReport
from forkpoint_server.query.digests import read_run_id
from forkpoint_server.security.scopes import Scope


@strawberry.type
class DiffQuery:
    """Part of the query type."""

    @strawberry.field(extensions=[Needs(Scope.READ_PAYLOAD)])
    async def diff(self, info: Info, a: strawberry.ID, b: strawberry.ID) -> DiffReport:
        """Run `b` against the base `a`, up to 20,000 steps a side; NOT_FOUND if one is absent."""
        context = info.context
        comparison = await context.services.comparisons.compare(
            context.project_id, _run_id(a), _run_id(b)
        )
        return DiffReport.of(comparison)


def _run_id(given: str) -> UUID:
    run_id = read_run_id(given)
    if run_id is None:
        raise NotFound("run")
    return UUID(run_id)
