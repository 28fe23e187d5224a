"""Rows of blocks: checked when they come in, probed for closure, inserted in one statement."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import zstandard
from forkpoint.content import BODY_BYTES, ContentError, Digest, check_body, digest_of

from forkpoint_server.artifacts.epochs import Epoch
from forkpoint_server.db.bulk import Target, insert_summing
from forkpoint_server.db.engine import Driver
from forkpoint_server.errors import BadRequest

COMPRESS_FROM = 256
"""Bytes of a body below which zstd is not tried."""
LEVEL = 3
LONG = 500
"""Blocks from which they are compressed in a thread, so that others are served meanwhile."""


class Codec(IntEnum):
    """How a row holds its body."""

    PLAIN = 0
    ZSTD = 1
    PACKED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """Blocks of one request, each proved to be canonical."""

    bodies: Mapping[Digest, bytes]
    refers: frozenset[Digest]
    """Digests that these bodies refer to."""


class Arriving:
    """Blocks of one request while they come in, each checked at once."""

    def __init__(self) -> None:
        self._bodies: dict[Digest, bytes] = {}
        self._refers: set[Digest] = set()
        self._count = 0

    def add(self, text: object) -> None:
        """Take the text of one block.

        Raises `BadRequest` with code `block_too_large` or `block_invalid`; `details["field"]` is
        `blocks[i]`. One bad block refuses the request: events would be left without their payload.
        """
        place, self._count = self._count, self._count + 1
        body = _body(text, place)
        digest = digest_of(body)
        if digest in self._bodies:
            return
        try:
            self._refers.update(ref.digest for ref in check_body(body))
        except ContentError as error:
            raise _invalid(place, f"is no block of content/1: {error.message}") from None
        self._bodies[digest] = body

    def arrived(self) -> Arrived:
        """All of them."""
        return Arrived(bodies=self._bodies, refers=frozenset(self._refers))


def read_blocks(texts: Sequence[object]) -> Arrived:
    """Check the block bodies of a request; raises as `Arriving.add` does."""
    arriving = Arriving()
    for text in texts:
        arriving.add(text)
    return arriving.arrived()


async def missing(
    driver: Driver,
    project_id: int,
    *,
    epoch: Epoch,
    arrived: Arrived,
    roots: Collection[Digest],
) -> list[Digest]:
    """What references and roots name that is neither in the request nor safely in the table.

    While the collector sweeps, an old block counts only if it is marked: the others are going.
    Index: primary keys of `block` and `block_mark`.
    """
    wanted = {*arrived.refers, *roots} - arrived.bodies.keys()
    if not wanted:
        return []
    rows = await driver.fetch(
        """
        select wanted.digest
        from unnest($2::bytea[]) as wanted (digest)
        where not exists (
          select
          from block
          where block.project_id = $1
            and block.digest = wanted.digest
            and (not $3 or block.gen >= $4 or exists (
              select
              from block_mark
              where block_mark.project_id = $1 and block_mark.digest = block.digest)))
        """,
        project_id,
        sorted(wanted),
        epoch.sweep,
        epoch.gen,
    )
    return sorted(row[0] for row in rows)


async def insert(
    driver: Driver, project_id: int, *, epoch: Epoch, bodies: Mapping[Digest, bytes]
) -> int:
    """Store blocks in digest order; the bytes of the bodies that are new in this generation.

    A block that is there gets the newest generation, so the collector leaves it alone.
    """
    if len(bodies) < LONG:
        rows = _rows(project_id, epoch.gen, bodies)
    else:
        rows = await asyncio.to_thread(_rows, project_id, epoch.gen, bodies)
    return await insert_summing(driver, _BLOCKS, rows, column="size")


def _rows(
    project_id: int, gen: int, bodies: Mapping[Digest, bytes]
) -> list[tuple[int, Digest, int, int, Codec, bytes]]:
    compressor = zstandard.ZstdCompressor(level=LEVEL)  # one belongs to one thread
    return [
        (project_id, digest, gen, len(bodies[digest]), *_stored(bodies[digest], compressor))
        for digest in sorted(bodies)
    ]


def _body(text: object, place: int) -> bytes:
    if not isinstance(text, str):
        raise _invalid(place, "must be a string")
    try:
        body = text.encode()
    except UnicodeEncodeError:
        raise _invalid(place, "holds a lone surrogate") from None
    if len(body) > BODY_BYTES:
        raise BadRequest(
            f"blocks[{place}] has {len(body)} bytes, {BODY_BYTES} are allowed",
            code="block_too_large",
            field=f"blocks[{place}]",
            limit="body_bytes",
            allowed=BODY_BYTES,
        )
    return body


def _invalid(place: int, why: str) -> BadRequest:
    field = f"blocks[{place}]"
    return BadRequest(f"{field} {why}", code="block_invalid", field=field)


def _stored(body: bytes, compressor: zstandard.ZstdCompressor) -> tuple[Codec, bytes]:
    if len(body) < COMPRESS_FROM:
        return Codec.PLAIN, body
    packed = compressor.compress(body)
    # zstd has to earn the decompression of every read
    return (Codec.ZSTD, packed) if len(packed) * 10 <= len(body) * 9 else (Codec.PLAIN, body)


_BLOCKS = Target(
    table="block",
    types={
        "project_id": "int",
        "digest": "bytea",
        "gen": "int",
        "size": "int",
        "codec": "smallint",
        "body": "bytea",
    },
    conflict="on conflict (project_id, digest) do update set gen = excluded.gen "
    "where block.gen < excluded.gen",
)
