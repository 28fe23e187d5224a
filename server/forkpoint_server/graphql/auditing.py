"""Root fields of the audit log."""

from __future__ import annotations

import strawberry

from forkpoint_server.db.engine import driver
from forkpoint_server.graphql.context import Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.types.audit import AuditChain, AuditEntryNode, AuditFilterInput
from forkpoint_server.graphql.types.connection import Connection, connection_parts
from forkpoint_server.query.audit import AuditFilter, audit_page, check_chain, count_audit
from forkpoint_server.security.scopes import Scope

ADMIN = Needs(Scope.ADMIN)


@strawberry.type
class AuditQuery:
    """Part of the query type."""

    @strawberry.field(extensions=[ADMIN])
    async def audit(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        filter: AuditFilterInput | None = None,
    ) -> Connection[AuditEntryNode]:
        """Who did what, newest first; `totalCount` counts the whole log."""
        context = info.context
        where = filter.read() if filter else AuditFilter()
        async with context.services.database.reading(context.project_id) as connection:
            page = await audit_page(connection, context.project_id, where, first=first, after=after)

        async def count() -> int:
            async with context.services.database.reading(context.project_id) as connection:
                return await count_audit(connection, context.project_id)

        edges, nodes, page_info = connection_parts(page, AuditEntryNode.of)
        return Connection(edges=edges, nodes=nodes, page_info=page_info, count=count)

    @strawberry.field(extensions=[ADMIN])
    async def audit_chain(self, info: Info) -> AuditChain:
        """Read the whole log and check that no row was changed, lost or put in."""
        context = info.context
        async with context.services.database.reading(context.project_id) as connection:
            chain = await check_chain(await driver(connection), context.project_id)
        return AuditChain.of(chain)
