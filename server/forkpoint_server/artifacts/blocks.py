"""Rows of blocks: checked when they come in, probed for closure, inserted in one statement."""

from __future__ import annotations

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


def read_blocks(texts: Sequence[object]) -> Arrived:
    """Check the block bodies of a request.

    Raises `BadRequest` with code `block_too_large` or `block_invalid`; `details["field"]` is
    `blocks[i]`. One bad block refuses the request: events would be left without their payload.
    """
    bodies: dict[Digest, bytes] = {}
    refers: set[Digest] = set()
    for index, text in enumerate(texts):
        body = _body(text, field=f"blocks[{index}]")
        digest = digest_of(body)
        if digest in bodies:
            continue
        try:
            refers.update(ref.digest for ref in check_body(body))
        except ContentError as error:
            raise BadRequest(
                f"blocks[{index}] is no block of content/1: {error.message}",
                code="block_invalid",
                field=f"blocks[{index}]",
            ) from None
        bodies[digest] = body
    return Arrived(bodies=bodies, refers=frozenset(refers))


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
    rows = [
        (project_id, digest, epoch.gen, len(bodies[digest]), *_stored(bodies[digest]))
        for digest in sorted(bodies)
    ]
    return await insert_summing(driver, _BLOCKS, rows, column="size")


def _body(text: object, *, field: str) -> bytes:
    if not isinstance(text, str):
        raise BadRequest(f"{field} must be a string", code="block_invalid", field=field)
    try:
        body = text.encode()
    except UnicodeEncodeError:
        raise BadRequest(
            f"{field} holds a lone surrogate", code="block_invalid", field=field
        ) from None
    if len(body) > BODY_BYTES:
        raise BadRequest(
            f"{field} has {len(body)} bytes, {BODY_BYTES} are allowed",
            code="block_too_large",
            field=field,
            limit="body_bytes",
            allowed=BODY_BYTES,
        )
    return body


def _stored(body: bytes) -> tuple[Codec, bytes]:
    if len(body) < COMPRESS_FROM:
        return Codec.PLAIN, body
    packed = _compressor.compress(body)
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
_compressor = zstandard.ZstdCompressor(level=3)
