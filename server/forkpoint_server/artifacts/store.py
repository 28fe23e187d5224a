"""Blobs: bytes under the digest of themselves. Packs lie here; single blocks never do."""

from __future__ import annotations

import hashlib
from typing import Protocol

from forkpoint_server.errors import NotFound, Overloaded, ServerError

Digest = bytes
"""SHA-256 of a blob: 32 bytes."""


class BlobStore(Protocol):
    """Content-addressed bytes. Putting the same bytes twice stores them once and is no error.

    A put that has returned is durable. All methods raise `BlobUnavailable` when the store is away.
    """

    async def put_if_absent(self, digest: Digest, body: bytes) -> bool:
        """Store a blob; False if it was there. Raises `BlobDamaged` if the digest is not its."""
        ...

    async def read(self, digest: Digest, *, start: int = 0, length: int | None = None) -> bytes:
        """The blob, or `length` bytes of it from `start`; less at its end.

        Raises `BlobMissing`, and `BlobDamaged` if a whole blob has another digest.
        """
        ...

    async def head(self, digest: Digest) -> int | None:
        """Its size in bytes, None if it is not there."""
        ...

    async def delete(self, digest: Digest) -> None:
        """Remove a blob; one that is not there is no error."""
        ...

    async def close(self) -> None:
        """Let connections go."""
        ...


class BlobMissing(NotFound):
    """A row names a blob that the store does not have."""

    def __init__(self, digest: Digest) -> None:
        super().__init__(f"blob {digest.hex()}")


class BlobDamaged(ServerError):
    """The bytes of a blob are not those of its digest; they are not used."""

    code = "blob_damaged"

    def __init__(self, digest: Digest) -> None:
        super().__init__(f"blob {digest.hex()} has other bytes than its digest says")


class BlobUnavailable(Overloaded):
    """The blob store does not answer or refuses us; wait and ask again."""

    code = "blob_unavailable"
    retry_after_s = 5


def key_of(digest: Digest) -> str:
    """Where a blob lies: `blobs/sha256/ab/cd/<64 hex digits>`, in a bucket or a directory."""
    text = digest.hex()
    return f"blobs/sha256/{text[:2]}/{text[2:4]}/{text}"


def check_digest(digest: Digest, body: bytes) -> None:
    """Raise `BlobDamaged` unless the bytes are those of the digest."""
    if hashlib.sha256(body).digest() != digest:
        raise BlobDamaged(digest)
