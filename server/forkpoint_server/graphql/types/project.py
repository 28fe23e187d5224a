"""The project and what it is allowed."""

from __future__ import annotations

import dataclasses
from importlib.metadata import version

import orjson
import strawberry
from sqlalchemy import text

from forkpoint_server.db.engine import driver
from forkpoint_server.errors import NotFound
from forkpoint_server.graphql.context import Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.scalars import JSON
from forkpoint_server.graphql.types.replay import Runner
from forkpoint_server.replay.runners import online
from forkpoint_server.security.scopes import Scope


@strawberry.type(description="The tenant that everything belongs to.")
class Project:
    """`retention` holds its rules, empty when all is kept; `limits` the bounds of requests."""

    id: strawberry.ID
    name: str
    retention: JSON
    limits: JSON
    version: str

    @strawberry.field(extensions=[Needs(Scope.READ_META)])
    async def runners(self, info: Info) -> list[Runner]:
        """Runners that are online, by name; at most 200."""
        context = info.context
        async with context.services.database.reading(context.project_id) as connection:
            found = await online(await driver(connection), context.project_id)
        return [Runner.of(runner) for runner in found]


async def project_of(info: Info) -> Project:
    """The project of the caller."""
    context = info.context
    async with context.services.database.reading(context.project_id) as connection:
        rows = await connection.execute(
            text("select name, settings::text from project where project_id = :project_id"),
            {"project_id": context.project_id},
        )
        row = rows.first()
    if row is None:
        raise NotFound("project")
    settings = orjson.loads(row[1])
    return Project(
        id=strawberry.ID(str(context.project_id)),
        name=row[0],
        retention=JSON(settings.get("retention", {})),
        limits=JSON(dataclasses.asdict(context.services.settings.limits)),
        version=version("forkpoint-server"),
    )
