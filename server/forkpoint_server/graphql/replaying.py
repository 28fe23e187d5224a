"""The root field of a replay session."""

from __future__ import annotations

import strawberry

from forkpoint_server.db.engine import driver
from forkpoint_server.graphql.context import Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.types.nodes import ReplaySession
from forkpoint_server.query.digests import read_run_id
from forkpoint_server.replay.rows import session_by_id
from forkpoint_server.security.scopes import Scope


@strawberry.type
class ReplayQuery:
    """Part of the query type."""

    @strawberry.field(
        extensions=[Needs(Scope.READ_META)], description="null when the project has none of this id"
    )
    async def replay_session(self, info: Info, id: strawberry.ID) -> ReplaySession | None:
        """One attempt to replay a run."""
        session_id = read_run_id(id)
        if session_id is None:
            return None
        context = info.context
        async with context.services.database.reading(context.project_id) as connection:
            raw = await driver(connection)
            row = await session_by_id(raw, context.project_id, session_id)
        return ReplaySession.of(row) if row else None
