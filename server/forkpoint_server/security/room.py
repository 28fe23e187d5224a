"""How many bytes of request bodies one process works on at a time, over all doors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Lock

from forkpoint_server.errors import Overloaded

Grow = Callable[[int], None]
"""Counts bytes that came in or were unpacked; raises `Overloaded` when there are too many."""


class Room:
    """Bodies in flight. One sender gets at most three quarters, so that others are served too."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._share = limit - limit // 4
        self._lock = Lock()  # bodies are unpacked in threads
        self._total = 0
        self._of: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """Bytes in flight now."""
        return self._total

    @contextmanager
    def entered(self, sender: str) -> Generator[Grow]:
        """Count the bytes of one request of a sender until the block ends."""
        mine = 0

        def grow(size: int) -> None:
            nonlocal mine
            with self._lock:
                if self._total + size > self._limit or self._of[sender] + size > self._share:
                    raise Overloaded("too many bytes are being taken in; send it again")
                mine += size
                self._total += size
                self._of[sender] += size

        try:
            yield grow
        finally:
            with self._lock:
                self._total -= mine
                self._of[sender] -= mine
                if self._of[sender] <= 0:
                    del self._of[sender]
