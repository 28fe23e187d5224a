"""What stands still for the background: attached bytes, and files held by their descriptors."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CHUNK = 1 << 20
"""Bytes of a file that are in memory at a time."""
MOST_OPEN = 32
"""Files that may wait by their descriptors."""


class FileChanged(Exception):
    """A file was written to, or cut, after it had been attached."""


class HeldFile:
    """A file as it was when it was attached. Read once; closes itself."""

    __slots__ = ("_fd", "_modified", "size")
    _fd: int | None

    def __init__(self, fd: int) -> None:
        self._fd = None
        about = os.fstat(fd)
        self._fd = fd
        self._modified = about.st_mtime_ns
        self.size = about.st_size

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, 1 MiB at a time. Raises `FileChanged`."""
        fd = self._fd
        if fd is None:
            raise FileChanged
        try:
            left = self.size
            while left > 0:
                chunk = os.read(fd, min(CHUNK, left))
                if not chunk:
                    raise FileChanged
                left -= len(chunk)
                yield chunk
            about = os.fstat(fd)
            if (about.st_mtime_ns, about.st_size) != (self._modified, self.size):
                raise FileChanged
        finally:
            self.close()

    def close(self) -> None:
        """Let the file go."""
        fd, self._fd = self._fd, None
        if fd is not None:
            with suppress(OSError):
                os.close(fd)
            _places.release()

    def __del__(self) -> None:
        self.close()


class HeldBytes:
    """Bytes that were attached."""

    __slots__ = ("_data", "size")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def chunks(self) -> Iterator[bytes]:
        """The bytes, 1 MiB at a time."""
        for start in range(0, self.size, CHUNK):
            yield self._data[start : start + CHUNK]

    def close(self) -> None:
        """Nothing to let go."""


Held = HeldFile | HeldBytes


_places = threading.BoundedSemaphore(MOST_OPEN)


def open_file(path: Path) -> HeldFile | None:
    """Hold a file by its descriptor; None while `MOST_OPEN` wait. Raises `OSError`."""
    if not _places.acquire(blocking=False):
        return None
    try:
        return HeldFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        _places.release()
        raise
