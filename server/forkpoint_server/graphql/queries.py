"""Root fields that answer about the project, its runs and its steps."""

from __future__ import annotations

import strawberry

from forkpoint_server.graphql.context import Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.types.connection import Connection
from forkpoint_server.graphql.types.enums import RunOrder
from forkpoint_server.graphql.types.inputs import RunFilterInput
from forkpoint_server.graphql.types.nodes import Run, Step, run_connection
from forkpoint_server.graphql.types.project import Project, project_of
from forkpoint_server.graphql.types.token import Token
from forkpoint_server.query.digests import read_run_id
from forkpoint_server.query.runs import runs_page
from forkpoint_server.security.scopes import Scope
from forkpoint_server.security.tokenstore import live_tokens

META = Needs(Scope.READ_META)


@strawberry.type
class CoreQuery:
    """Part of the query type."""

    @strawberry.field(extensions=[META])
    async def project(self, info: Info) -> Project:
        """The project of the token."""
        return await project_of(info)

    @strawberry.field(extensions=[Needs(Scope.ADMIN)])
    async def tokens(self, info: Info) -> list[Token]:
        """Live tokens, newest first, at most 200."""
        context = info.context
        async with context.services.database.reading(context.project_id) as connection:
            rows = await live_tokens(
                connection, context.project_id, now_ns=context.services.clock()
            )
        return [Token.of(row) for row in rows]

    @strawberry.field(extensions=[META], description="null when the project has no such run")
    async def run(self, info: Info, id: strawberry.ID) -> Run | None:
        """One run."""
        run_id = read_run_id(id)
        row = await info.context.loaders.runs.load(run_id) if run_id else None
        return Run.of(row, info.context) if row else None

    @strawberry.field(extensions=[META])
    async def runs(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        filter: RunFilterInput | None = None,
        order_by: RunOrder = RunOrder.STARTED_DESC,
    ) -> Connection[Run]:
        """Runs of the project."""
        context = info.context
        where = filter.read() if filter else None
        async with context.services.database.reading(context.project_id) as connection:
            page = await runs_page(
                connection,
                context.project_id,
                first=first,
                after=after,
                order=order_by,
                filter=where,
            )
        return run_connection(page, context, where)

    @strawberry.field(extensions=[META], description="null when the run has no such step")
    async def step(self, info: Info, id: strawberry.ID) -> Step | None:
        """One step by `<run id>:<step number>`."""
        run_text, _, number = id.partition(":")
        run_id = read_run_id(run_text)
        if run_id is None or not number.isdecimal() or len(number) > 18:
            return None
        row = await info.context.loaders.steps.load((run_id, int(number)))
        return Step.of(row, info.context) if row else None
