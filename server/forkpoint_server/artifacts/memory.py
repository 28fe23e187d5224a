"""Blobs in a dict: the twin of the other stores for tests."""

from __future__ import annotations

from forkpoint_server.artifacts.store import BlobMissing, Digest, check_digest


class MemoryBlobs:
    """Keeps blobs as long as the object lives."""

    def __init__(self) -> None:
        self._blobs: dict[Digest, bytes] = {}

    async def put_if_absent(self, digest: Digest, body: bytes) -> bool:
        """See `BlobStore`."""
        check_digest(digest, body)
        if digest in self._blobs:
            return False
        self._blobs[digest] = body
        return True

    async def read(self, digest: Digest, *, start: int = 0, length: int | None = None) -> bytes:
        """See `BlobStore`."""
        body = self._blobs.get(digest)
        if body is None:
            raise BlobMissing(digest)
        return body[start:] if length is None else body[start : start + length]

    async def head(self, digest: Digest) -> int | None:
        """See `BlobStore`."""
        body = self._blobs.get(digest)
        return None if body is None else len(body)

    async def delete(self, digest: Digest) -> None:
        """See `BlobStore`."""
        self._blobs.pop(digest, None)

    async def close(self) -> None:
        """Nothing to let go."""
