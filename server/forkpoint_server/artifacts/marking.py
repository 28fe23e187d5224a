"""Marking: everything that retained artifacts reach, level by level, in an unlogged table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from forkpoint.content import Digest, children

from forkpoint_server.artifacts.loading import BlockLoader, PackCache
from forkpoint_server.artifacts.store import BlobStore
from forkpoint_server.db.engine import Database, Driver, driver

CHUNK = 2_000
"""Blocks whose children are marked in one step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Marks blocks of one project. Packs stay in memory between the steps."""

    project_id: int
    blobs: BlobStore
    packs: PackCache = field(default_factory=PackCache)

    async def mark_all(self, database: Database) -> None:
        """Mark from every artifact, in transactions of their own: writers are not held up."""
        async with database.transaction(self.project_id) as connection:
            frontier = await self._mark_artifacts(await driver(connection), since=0)
        while frontier:
            some, frontier = frontier[-CHUNK:], frontier[:-CHUNK]
            async with database.transaction(self.project_id) as connection:
                frontier += await self._mark_below(await driver(connection), some)

    async def mark_since(self, raw: Driver, gen: int) -> None:
        """Mark from artifacts and blocks of this generation or a later one, in one transaction."""
        frontier = await self._mark_artifacts(raw, since=gen)
        frontier += await self._mark_blocks(raw, since=gen)
        while frontier:
            some, frontier = frontier[-CHUNK:], frontier[:-CHUNK]
            frontier += await self._mark_below(raw, some)

    async def _mark_artifacts(self, raw: Driver, *, since: int) -> list[Digest]:
        rows = await raw.fetch(
            """
            insert into block_mark (project_id, digest)
            select distinct project_id, root
            from artifact
            where project_id = $1
              and root is not null
              and gen >= $2
            on conflict do nothing
            returning digest
            """,
            self.project_id,
            since,
        )
        return [row[0] for row in rows]

    async def _mark_blocks(self, raw: Driver, *, since: int) -> list[Digest]:
        rows = await raw.fetch(
            """
            insert into block_mark (project_id, digest)
            select project_id, digest
            from block
            where project_id = $1
              and gen >= $2
            on conflict do nothing
            returning digest
            """,
            self.project_id,
            since,
        )
        return [row[0] for row in rows]

    async def _mark_below(self, raw: Driver, digests: Sequence[Digest]) -> list[Digest]:
        """Mark the children of marked blocks; those that were not marked before."""
        loader = BlockLoader(raw, self.project_id, self.blobs, self.packs)
        bodies = await loader.load(digests)
        below = {child for body in bodies.values() for child in children(body)}
        rows = await raw.fetch(
            """
            insert into block_mark (project_id, digest)
            select $1, digest
            from unnest($2::bytea[]) as below (digest)
            on conflict do nothing
            returning digest
            """,
            self.project_id,
            sorted(below),
        )
        return [row[0] for row in rows]
