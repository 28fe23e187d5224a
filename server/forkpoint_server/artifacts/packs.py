"""Packs: the blocks of a finished run, joined in the order of its values and compressed together.

A pack is written in one transaction that also clears the bodies of its rows; a large one goes to
the blob store before that commit, so a row never names a blob that is not there.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import zstandard
from forkpoint.content import Digest, children

from forkpoint_server.artifacts.blob_rows import put_blob
from forkpoint_server.artifacts.blocks import Codec
from forkpoint_server.artifacts.damage import above, fail_artifacts, intact
from forkpoint_server.artifacts.epochs import enter
from forkpoint_server.artifacts.loading import PACK_BYTES, BlockLoader
from forkpoint_server.artifacts.store import BlobStore, key_of
from forkpoint_server.db.engine import Database, Driver, driver

BLOB_FROM = 64 * 1024
"""Compressed bytes from which a pack goes to the blob store."""
ROOTS_AT_A_TIME = 64

Bodies = list[tuple[Digest, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What packing did."""

    packs: int = 0
    blocks: int = 0
    failed: int = 0
    """Artifacts that cannot be read, since a block of theirs has other bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packer:
    """Writes packs of one project."""

    database: Database
    project_id: int
    blobs: BlobStore
    clock: Callable[[], int]

    async def pack_run(self, run_id: str) -> Packed:
        """Pack the blocks of a run that are not packed yet; safe to repeat at any time.

        Each block is checked against its digest: a damaged one stays where it is, and the artifacts
        that need it become `failed`.
        """
        packs = blocks = 0
        lost: set[Digest] = set()
        async for bodies in _filled(self._bodies(await self._roots(run_id), lost)):
            written = await self.write(bodies)
            packs, blocks = packs + (written > 0), blocks + written
        return Packed(packs=packs, blocks=blocks, failed=await self._fail(run_id, lost))

    async def write(self, bodies: Bodies, *, replacing: Collection[int] = ()) -> int:
        """Make one pack of these blocks; those gone or packed meanwhile stay as they are.

        `replacing` names packs whose blocks move into this one. Returns the blocks that moved.
        """
        joined = b"".join(body for _, body in bodies)
        packed = _compressor.compress(joined)
        sha256 = hashlib.sha256(packed).digest()
        in_store = len(packed) >= BLOB_FROM
        if in_store:
            await put_blob(self.database, self.blobs, sha256, packed, now_ns=self.clock())
        async with self.database.transaction(self.project_id) as connection:
            raw = await driver(connection)
            await enter(raw, self.project_id)
            movable = await self._lock(raw, [digest for digest, _ in bodies], replacing)
            if not movable:
                return 0
            pack_id = await raw.fetchval(
                """
                insert into pack (project_id, sha256, size, body, s3_key)
                values ($1, $2, $3, $4, $5)
                returning pack_id
                """,
                self.project_id,
                sha256,
                len(joined),
                None if in_store else packed,
                key_of(sha256) if in_store else None,
            )
            await self._move(raw, _offsets(bodies, movable), pack_id)
        return len(movable)

    async def _lock(
        self, raw: Driver, digests: Sequence[Digest], replacing: Collection[int]
    ) -> set[Digest]:
        """Lock rows in digest order, as writers do."""
        rows = await raw.fetch(
            """
            select digest
            from block
            where project_id = $1
              and digest = any ($2::bytea[])
              and (codec <> $3 or pack_id = any ($4::bigint[]))
            order by digest
            for update
            """,
            self.project_id,
            digests,
            Codec.PACKED,
            list(replacing),
        )
        return {row["digest"] for row in rows}

    async def _move(self, raw: Driver, offsets: Mapping[Digest, int], pack_id: int) -> None:
        await raw.execute(
            """
            update block
            set codec = $4, body = null, pack_id = $5, off = moved.off
            from unnest($2::bytea[], $3::int[]) as moved (digest, off)
            where block.project_id = $1
              and block.digest = moved.digest
            """,
            self.project_id,
            list(offsets),
            list(offsets.values()),
            Codec.PACKED,
            pack_id,
        )

    async def _roots(self, run_id: str) -> list[Digest]:
        async with self.database.reading(self.project_id) as connection:
            rows = await (await driver(connection)).fetch(
                """
                select artifact.root
                from artifact
                left join step using (run_id, step_id)
                where artifact.run_id = $1
                  and artifact.root is not null
                order by step.seq nulls first, artifact.role
                """,
                run_id,
            )
        return list(dict.fromkeys(row["root"] for row in rows))

    async def _fail(self, run_id: str, roots: Collection[Digest]) -> int:
        if not roots:
            return 0
        async with self.database.transaction(self.project_id) as connection:
            return await fail_artifacts(await driver(connection), run_id, roots)

    async def _bodies(self, roots: Sequence[Digest], lost: set[Digest]) -> AsyncGenerator[Bodies]:
        """Unpacked blocks below the roots in walk order, each once; packed ones are not entered.

        Roots from which a damaged block is reached are added to `lost`.
        """
        seen: set[Digest] = set()
        damaged: set[Digest] = set()
        for at in range(0, len(roots), ROOTS_AT_A_TIME):
            some = roots[at : at + ROOTS_AT_A_TIME]
            loaded = await self._unpacked([root for root in some if root not in seen], seen)
            sound = intact(loaded)
            damaged.update(loaded.keys() - sound.keys())
            if damaged:
                damaged = above(damaged, sound)
                lost |= damaged.intersection(some)
            yield in_walk_order(some, sound)
            seen.update(sound)

    async def _unpacked(
        self, roots: Sequence[Digest], seen: Collection[Digest]
    ) -> dict[Digest, bytes]:
        loaded: dict[Digest, bytes] = {}
        level = list(roots)
        async with self.database.reading(self.project_id) as connection:
            raw = await driver(connection)
            loader = BlockLoader(raw, self.project_id, None)
            while level:
                rows = await raw.fetch(
                    """
                    select digest
                    from block
                    where project_id = $1
                      and digest = any ($2::bytea[])
                      and codec <> $3
                    """,
                    self.project_id,
                    level,
                    Codec.PACKED,
                )
                found = await loader.load([row["digest"] for row in rows])
                loaded.update(found)
                below = dict.fromkeys(each for body in found.values() for each in children(body))
                level = [each for each in below if each not in loaded and each not in seen]
        return loaded


def in_walk_order(roots: Sequence[Digest], loaded: Mapping[Digest, bytes]) -> Bodies:
    """Loaded blocks as a reader of one value after the other meets them, level by level."""
    ordered: dict[Digest, bytes] = {}
    for root in roots:
        level = [root]
        while level := [each for each in level if each in loaded and each not in ordered]:
            ordered.update((each, loaded[each]) for each in level)
            level = [below for each in level for below in children(loaded[each])]
    return list(ordered.items())


async def _filled(groups: AsyncGenerator[Bodies]) -> AsyncGenerator[Bodies]:
    """The same blocks in groups of at most `PACK_BYTES`."""
    open_group: Bodies = []
    weight = 0
    async for group in groups:
        for digest, body in group:
            if open_group and weight + len(body) > PACK_BYTES:
                yield open_group
                open_group, weight = [], 0
            open_group.append((digest, body))
            weight += len(body)
    if open_group:
        yield open_group


def _offsets(bodies: Bodies, movable: Collection[Digest]) -> dict[Digest, int]:
    """Where each block that moves begins in the joined bodies."""
    ends = accumulate((len(body) for _, body in bodies), initial=0)
    return {
        digest: start for (digest, _), start in zip(bodies, ends, strict=False) if digest in movable
    }


_compressor = zstandard.ZstdCompressor(level=6)
