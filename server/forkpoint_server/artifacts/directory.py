"""Blobs as files: written aside, synced, then linked: a name never shows half a blob."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path

from forkpoint_server.artifacts.store import (
    BlobMissing,
    BlobUnavailable,
    Digest,
    check_digest,
    key_of,
)


class DirectoryBlobs:
    """Keeps blobs below one directory of a local file system that knows hard links."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put_if_absent(self, digest: Digest, body: bytes) -> bool:
        """See `BlobStore`."""
        check_digest(digest, body)
        try:
            return await asyncio.to_thread(self._put, digest, body)
        except OSError as error:
            raise BlobUnavailable(f"blob {digest.hex()} was not written: {error}") from error

    async def read(self, digest: Digest, *, start: int = 0, length: int | None = None) -> bytes:
        """See `BlobStore`."""
        body = await asyncio.to_thread(self._read, digest, start, length)
        if start == 0 and length is None:
            check_digest(digest, body)
        return body

    async def head(self, digest: Digest) -> int | None:
        """See `BlobStore`."""
        try:
            return (await asyncio.to_thread(self._path(digest).stat)).st_size
        except FileNotFoundError:
            return None

    async def delete(self, digest: Digest) -> None:
        """See `BlobStore`."""
        await asyncio.to_thread(self._path(digest).unlink, missing_ok=True)

    async def close(self) -> None:
        """Nothing to let go."""

    def _path(self, digest: Digest) -> Path:
        return self._root / key_of(digest)

    def _put(self, digest: Digest, body: bytes) -> bool:
        path = self._path(digest)
        if path.exists():
            return False
        _make_directories(path.parent)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(name, path)
            except FileExistsError:  # another writer was faster, with the same bytes
                return False
            _sync(path.parent)
        finally:
            Path(name).unlink(missing_ok=True)
        return True

    def _read(self, digest: Digest, start: int, length: int | None) -> bytes:
        try:
            with self._path(digest).open("rb") as file:
                file.seek(start)
                return file.read() if length is None else file.read(length)
        except FileNotFoundError:
            raise BlobMissing(digest) from None


def _make_directories(path: Path) -> None:
    """Make a directory and its parents so that they outlive a power cut."""
    if path.is_dir():
        return
    _make_directories(path.parent)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    _sync(path.parent)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
