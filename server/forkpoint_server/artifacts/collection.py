"""Collecting blocks that no artifact reaches any more: generations, mark and sweep.

Safe with ingest at any time (content tree guide, section 7): a writer that relies on an old block
finds it marked, or is told that it is missing. A collector that was overtaken by another one stops
at its next step, since each step checks the generation under the project's lock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from forkpoint.content import Digest

from forkpoint_server.artifacts.epochs import Epoch, enter, enter_alone
from forkpoint_server.artifacts.loading import BlockLoader
from forkpoint_server.artifacts.marking import Marker
from forkpoint_server.artifacts.packs import Bodies, Packer
from forkpoint_server.artifacts.store import BlobStore
from forkpoint_server.db.engine import Database, Driver, driver
from forkpoint_server.errors import Conflict

SWEEP_BATCH = 5_000


class CollectionOvertaken(Conflict):
    """Another collection of this project has begun; this one stops and changes nothing more."""

    code = "collection_overtaken"

    def __init__(self, project_id: int, gen: int) -> None:
        super().__init__(f"collection {gen} of project {project_id} was overtaken; it stops")


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What a collection removed."""

    blocks: int = 0
    bytes: int = 0
    """Of bodies before compression."""
    packs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """Collects one project, once."""

    database: Database
    project_id: int
    blobs: BlobStore
    clock: Callable[[], int]

    async def collect(self) -> Collected:
        """One whole cycle. Raises `CollectionOvertaken` if another one begins meanwhile."""
        gen = await self.begin()
        await self.mark(gen)
        await self.decide(gen)
        blocks, size = await self.sweep(gen)
        await self.end(gen)
        return Collected(blocks=blocks, bytes=size, packs=await self.tidy_packs())

    async def begin(self) -> int:
        """A new generation: whoever wrote under the old one has committed when this returns."""
        async with self.database.transaction(self.project_id) as connection:
            raw = await driver(connection)
            await enter_alone(raw, self.project_id)
            await raw.execute("delete from block_mark where project_id = $1", self.project_id)
            return await raw.fetchval(
                """
                update project
                set gen = gen + 1, sweep = false
                where project_id = $1
                returning gen
                """,
                self.project_id,
            )

    async def mark(self, gen: int) -> None:
        """Mark what is reachable, while others write; then most of what they wrote."""
        marker = Marker(project_id=self.project_id, blobs=self.blobs)
        await marker.mark_all(self.database)
        async with self.database.transaction(self.project_id) as connection:
            await marker.mark_since(await driver(connection), gen)

    async def decide(self, gen: int) -> None:
        """Alone: mark the rest of what was written since, and open the sweep."""
        marker = Marker(project_id=self.project_id, blobs=self.blobs)
        async with self.database.transaction(self.project_id) as connection:
            raw = await driver(connection)
            await enter_alone(raw, self.project_id)
            await self._check(raw, Epoch(gen=gen, sweep=False))
            await marker.mark_since(raw, gen)
            await raw.execute(
                "update project set sweep = true where project_id = $1", self.project_id
            )

    async def sweep(self, gen: int) -> tuple[int, int]:
        """Delete old unmarked blocks in batches, in digest order; how many, and their bytes."""
        blocks = size = 0
        last: Digest | None = b""
        while last is not None:
            count, freed, last = await self._sweep_batch(gen, after=last)
            blocks, size = blocks + count, size + freed
        return blocks, size

    async def end(self, gen: int) -> None:
        """Close the sweep, then forget the marks."""
        async with self.database.transaction(self.project_id) as connection:
            raw = await driver(connection)
            await enter_alone(raw, self.project_id)
            await self._check(raw, Epoch(gen=gen, sweep=True))
            await raw.execute(
                "update project set sweep = false where project_id = $1", self.project_id
            )
            await raw.execute("delete from block_mark where project_id = $1", self.project_id)

    async def tidy_packs(self) -> int:
        """Delete packs without living blocks, rewrite those with less than half; how many went."""
        packer = Packer(
            database=self.database,
            project_id=self.project_id,
            blobs=self.blobs,
            clock=self.clock,
        )
        for pack_id in await self._sparse_packs():
            await packer.write(await self._living(pack_id), replacing=[pack_id])
        async with self.database.transaction(self.project_id) as connection:
            raw = await driver(connection)
            rows = await raw.fetch(
                """
                delete from pack
                where project_id = $1
                  and not exists (
                    select
                    from block
                    where block.project_id = $1
                      and block.pack_id = pack.pack_id)
                returning pack_id
                """,
                self.project_id,
            )
        return len(rows)

    async def _sweep_batch(self, gen: int, *, after: Digest) -> tuple[int, int, Digest | None]:
        async with self.database.transaction(self.project_id) as connection:
            raw = await driver(connection)
            await self._check(raw, Epoch(gen=gen, sweep=True), share=True)
            rows = await raw.fetch(
                """
                select digest
                from block
                where project_id = $1
                  and gen < $2
                  and digest > $3
                  and not exists (
                    select
                    from block_mark
                    where block_mark.project_id = $1 and block_mark.digest = block.digest)
                order by digest
                limit $4
                for update
                """,
                self.project_id,
                gen,
                after,
                SWEEP_BATCH,
            )
            doomed = [row["digest"] for row in rows]
            gone = await raw.fetch(
                """
                delete from block
                where project_id = $1
                  and digest = any ($2::bytea[])
                  and gen < $3
                returning size
                """,
                self.project_id,
                doomed,
                gen,
            )
        last = doomed[-1] if len(doomed) == SWEEP_BATCH else None
        return len(gone), sum(row["size"] for row in gone), last

    async def _sparse_packs(self) -> list[int]:
        async with self.database.reading(self.project_id) as connection:
            rows = await (await driver(connection)).fetch(
                """
                select pack.pack_id
                from pack
                join block using (project_id, pack_id)
                where pack.project_id = $1
                group by pack.pack_id, pack.size
                having sum(block.size) * 2 < pack.size
                order by pack.pack_id
                """,
                self.project_id,
            )
        return [row["pack_id"] for row in rows]

    async def _living(self, pack_id: int) -> Bodies:
        async with self.database.reading(self.project_id) as connection:
            raw = await driver(connection)
            rows = await raw.fetch(
                """
                select digest
                from block
                where project_id = $1
                  and pack_id = $2
                order by off
                """,
                self.project_id,
                pack_id,
            )
            digests = [row["digest"] for row in rows]
            found = await BlockLoader(raw, self.project_id, self.blobs).load(digests)
        return [(digest, found[digest]) for digest in digests if digest in found]

    async def _check(self, raw: Driver, wanted: Epoch, *, share: bool = False) -> None:
        """Stop unless this collection is still the one that runs."""
        if share:
            await enter(raw, self.project_id)
        row = await raw.fetchrow(
            "select gen, sweep from project where project_id = $1", self.project_id
        )
        if (row["gen"], row["sweep"]) != (wanted.gen, wanted.sweep):
            raise CollectionOvertaken(self.project_id, wanted.gen)
