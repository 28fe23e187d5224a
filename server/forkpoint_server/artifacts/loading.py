"""Bodies of blocks, from rows and packs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import zstandard
from forkpoint.content import BODY_BYTES, Digest

from forkpoint_server.artifacts.blocks import Codec
from forkpoint_server.artifacts.store import BlobMissing, BlobStore
from forkpoint_server.db.engine import Driver
from forkpoint_server.errors import Overloaded

PACK_BYTES = 256 * 1024
"""Most bytes of bodies in one pack, before compression."""
_LOOKS = 3


class PackCache:
    """Unpacked packs by id, of one project; emptied when it grows over its bound."""

    def __init__(self, *, most: int = 32 * 2**20) -> None:
        self._packs: dict[int, bytes] = {}
        self._most = most

    def __contains__(self, pack_id: int) -> bool:
        return pack_id in self._packs

    def __getitem__(self, pack_id: int) -> bytes:
        return self._packs[pack_id]

    def trim(self) -> None:
        """Make room, between two loads."""
        if sum(map(len, self._packs.values())) > self._most:
            self._packs.clear()

    def add(self, pack_id: int, body: bytes) -> None:
        """Keep a pack."""
        self._packs[pack_id] = body


class BlockLoader:
    """Loads blocks of one project within one transaction; a pack is fetched once."""

    def __init__(
        self,
        driver: Driver,
        project_id: int,
        blobs: BlobStore | None,
        packs: PackCache | None = None,
    ) -> None:
        self._driver = driver
        self._project_id = project_id
        self._blobs = blobs
        self._packs = PackCache() if packs is None else packs

    async def load(self, digests: Collection[Digest]) -> dict[Digest, bytes]:
        """Those of the blocks that are stored. Index: primary key of `block`.

        A pack may be rewritten between two statements: what it held is then looked up again.
        """
        found: dict[Digest, bytes] = {}
        left = list(digests)
        self._packs.trim()
        for _ in range(_LOOKS):
            rows = await self._rows(left)
            await self._fetch_packs({row["pack_id"] for row in rows if row["pack_id"] is not None})
            left = [row["digest"] for row in rows if not self._has(row)]
            found.update((row["digest"], self._body(row)) for row in rows if self._has(row))
            if not left:
                return found
        raise Overloaded("packs are being rewritten; ask again")

    async def _rows(self, digests: Collection[Digest]) -> list[Mapping[str, Any]]:
        return await self._driver.fetch(
            """
            select digest, codec, body, pack_id, off, size
            from block
            where project_id = $1
              and digest = any ($2::bytea[])
            """,
            self._project_id,
            list(digests),
        )

    def _has(self, row: Mapping[str, Any]) -> bool:
        return row["pack_id"] is None or row["pack_id"] in self._packs

    def _body(self, row: Mapping[str, Any]) -> bytes:
        if row["codec"] == Codec.PACKED:
            start: int = row["off"]
            return self._packs[row["pack_id"]][start : start + row["size"]]
        body: bytes = row["body"]
        if row["codec"] != Codec.ZSTD:
            return body
        try:
            return unpack(body, most=BODY_BYTES)
        except zstandard.ZstdError:
            return body  # damaged: whoever checks its digest says so

    async def _fetch_packs(self, pack_ids: Collection[int]) -> None:
        absent = [pack_id for pack_id in pack_ids if pack_id not in self._packs]
        if not absent:
            return
        rows = await self._driver.fetch(
            """
            select pack_id, sha256, body, s3_key
            from pack
            where project_id = $1
              and pack_id = any ($2::bigint[])
            """,
            self._project_id,
            absent,
        )
        for row in rows:
            body = row["body"]
            if body is None:
                if self._blobs is None:
                    raise BlobMissing(row["sha256"])
                body = await self._blobs.read(row["sha256"])
            self._packs.add(row["pack_id"], unpack(body, most=PACK_BYTES + BODY_BYTES))


def unpack(body: bytes, *, most: int) -> bytes:
    """What zstd made smaller; raises `zstandard.ZstdError` beyond `most` bytes."""
    # the frame states its size, which the one-shot call would believe
    if zstandard.frame_content_size(body) > most:
        raise zstandard.ZstdError("a frame states more bytes than any block has")
    return _decompressor.decompress(body, max_output_size=most)


_decompressor = zstandard.ZstdDecompressor()
