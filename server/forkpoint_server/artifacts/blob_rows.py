"""Rows that remember which blobs exist, so that one which nothing names can be found and removed.

The row is there before its blob and goes after it; a writer that meets a row in state `deleting`
waits for the deletion and puts the blob again.
"""

from __future__ import annotations

from forkpoint_server.artifacts.store import BlobStore, Digest
from forkpoint_server.db.engine import Database, driver

GRACE_NS = 24 * 3600 * 10**9
"""How long a blob stays after a row was last seen to name it."""
BATCH = 500


async def put_blob(
    database: Database, blobs: BlobStore, digest: Digest, body: bytes, *, now_ns: int
) -> None:
    """Store a blob that a row is going to name within the grace."""
    async with database.crossing() as connection:
        raw = await driver(connection)
        await raw.execute(
            """
            insert into blob (sha256, size, state, named_ns)
            values ($1, $2, 'live', $3)
            on conflict (sha256) do update
            set state = 'live', named_ns = greatest(blob.named_ns, excluded.named_ns)
            """,
            digest,
            len(body),
            now_ns,
        )
    await blobs.put_if_absent(digest, body)


async def sweep_blobs(
    database: Database, blobs: BlobStore, *, now_ns: int, grace_ns: int = GRACE_NS
) -> int:
    """Delete blobs that no row has named for the grace; how many."""
    async with database.crossing() as connection:
        raw = await driver(connection)
        await raw.execute(
            "update blob set named_ns = $1 where named_ns < $2 and blob_is_named(sha256)",
            now_ns,
            now_ns - grace_ns,
        )
        rows = await raw.fetch(
            """
            update blob
            set state = 'deleting'
            where sha256 in (select sha256 from blob where named_ns < $1 limit $2)
            returning sha256
            """,
            now_ns - grace_ns,
            BATCH,
        )
    return sum([await _delete(database, blobs, row["sha256"]) for row in rows])


async def _delete(database: Database, blobs: BlobStore, digest: Digest) -> bool:
    """Delete one blob while its row is locked: a writer of the same bytes waits, then puts."""
    async with database.crossing() as connection:
        raw = await driver(connection)
        doomed = await raw.fetchval(
            """
            select not blob_is_named(sha256)
            from blob
            where sha256 = $1 and state = 'deleting'
            for update
            """,
            digest,
        )
        if not doomed:
            return False
        await blobs.delete(digest)
        await raw.execute("delete from blob where sha256 = $1", digest)
        return True
