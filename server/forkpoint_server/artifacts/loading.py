"""Bodies of blocks, from rows and packs."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import zstandard
from forkpoint.content import BODY_BYTES, Digest

from forkpoint_server.artifacts.blocks import Codec
from forkpoint_server.artifacts.store import BlobMissing, BlobStore
from forkpoint_server.db.engine import Driver

PACK_BYTES = 256 * 1024
"""Most bytes of bodies in one pack, before compression."""


class BlockLoader:
    """Loads blocks of one project within one transaction; a pack is fetched once."""

    def __init__(self, driver: Driver, project_id: int, blobs: BlobStore | None) -> None:
        self._driver = driver
        self._project_id = project_id
        self._blobs = blobs
        self._packs: dict[int, bytes] = {}

    async def load(self, digests: Collection[Digest]) -> dict[Digest, bytes]:
        """Those of the blocks that are stored. Index: primary key of `block`."""
        rows = await self._driver.fetch(
            """
            select digest, codec, body, pack_id, off, size
            from block
            where project_id = $1
              and digest = any ($2::bytea[])
            """,
            self._project_id,
            list(digests),
        )
        packs = {row["pack_id"] for row in rows if row["codec"] == Codec.PACKED}
        await self._fetch_packs(packs - self._packs.keys())
        return {row["digest"]: self._body(row) for row in rows}

    def _body(self, row: Mapping[str, object]) -> bytes:
        codec, body = row["codec"], row["body"]
        if codec == Codec.PACKED:
            pack, start = self._packs[int(str(row["pack_id"]))], int(str(row["off"]))
            return pack[start : start + int(str(row["size"]))]
        assert isinstance(body, bytes)
        return unpack(body, most=BODY_BYTES) if codec == Codec.ZSTD else body

    async def _fetch_packs(self, pack_ids: Collection[int]) -> None:
        if not pack_ids:
            return
        rows = await self._driver.fetch(
            """
            select pack_id, sha256, body, s3_key
            from pack
            where project_id = $1
              and pack_id = any ($2::bigint[])
            """,
            self._project_id,
            list(pack_ids),
        )
        for row in rows:
            body = row["body"]
            if body is None:
                if self._blobs is None:
                    raise BlobMissing(row["sha256"])
                body = await self._blobs.read(row["sha256"])
            self._packs[row["pack_id"]] = unpack(body, most=PACK_BYTES + BODY_BYTES)


def unpack(body: bytes, *, most: int) -> bytes:
    """What zstd made smaller; raises `zstandard.ZstdError` beyond `most` bytes."""
    # the frame states its size, which the one-shot call would believe
    if zstandard.frame_content_size(body) > most:
        raise zstandard.ZstdError("a frame states more bytes than any block has")
    return _decompressor.decompress(body, max_output_size=most)


_decompressor = zstandard.ZstdDecompressor()
