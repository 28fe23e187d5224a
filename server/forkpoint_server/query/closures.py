"""All blocks below some roots, level by level."""

from __future__ import annotations

from collections.abc import Collection

import zstandard
from forkpoint.content import check_body
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.errors import LimitExceeded


async def load_closure(
    connection: AsyncConnection, project_id: int, roots: Collection[bytes], *, budget: int
) -> dict[bytes, bytes]:
    """Bodies by digest; raises `LimitExceeded` when they are more than `budget` bytes."""
    found: dict[bytes, bytes] = {}
    wanted: set[bytes] = set(roots)
    total = 0
    while wanted:
        rows = await connection.execute(
            text("""
                select digest, codec, body
                from block
                where project_id = :project_id and digest = any(:digests)
            """),
            {"project_id": project_id, "digests": sorted(wanted)},
        )
        wanted = set[bytes]()
        for digest, codec, stored in rows:
            body = zstandard.decompress(stored) if codec else bytes(stored)
            total += len(body)
            if total > budget:
                raise LimitExceeded("blocks", budget)
            found[digest] = body
            wanted.update(ref.digest for ref in check_body(body))
        wanted -= found.keys()
    return found
