"""Asking for comparisons that take longer than a reader waits."""

from __future__ import annotations

import strawberry

from forkpoint_server.graphql.comparing import read_pair, stored_or_asked
from forkpoint_server.graphql.context import Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.types.diff import DiffRequest
from forkpoint_server.security.scopes import Scope


@strawberry.input(description="Two runs of this project; `a` is the base.")
class RequestDiffInput:
    """Asking again while the job runs changes nothing."""

    a: strawberry.ID
    b: strawberry.ID


@strawberry.type
class DiffMutation:
    """Part of the mutation type."""

    @strawberry.mutation(extensions=[Needs(Scope.READ_PAYLOAD)])
    async def request_diff(self, info: Info, input: RequestDiffInput) -> DiffRequest:
        """Compare two runs of any length: at once if they are short, else as a job."""
        return await stored_or_asked(info.context, read_pair(input.a, input.b), queue=True)
