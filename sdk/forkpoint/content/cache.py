"""Cells of raw items, kept for the other lists of this process that hold the same items."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from threading import Lock

from forkpoint.content.blocks import Digest

Blocks = Sequence[tuple[Digest, bytes]]
"""The blocks below a cell, children first."""

_CACHE_BYTES = 32 * 2**20


class CellCache:
    """Cells of items seen elsewhere in this process, for forked strands and sub-agents.

    Keyed by BLAKE2b of the raw item with a random key of this process, so that no hash of raw bytes
    means anything outside; least recently used out. Its content depends on the redaction that made
    it: a new ruleset or secret takes a new cache.
    """

    __slots__ = ("_cells", "_key", "_left", "_lock")

    def __init__(self, key: bytes, *, size: int = _CACHE_BYTES) -> None:
        self._key = key
        self._left = size
        self._cells: OrderedDict[bytes, tuple[bytes, Blocks]] = OrderedDict()
        self._lock = Lock()

    def find(self, item: bytes) -> tuple[bytes, Blocks] | None:
        """The cell of a raw item, with the blocks below it."""
        key = self._keyed(item)
        with self._lock:
            found = self._cells.get(key)
            if found is not None:
                self._cells.move_to_end(key)
        return found

    def keep(self, item: bytes, cell: bytes, blocks: Blocks) -> None:
        """Remember a cell, and forget the oldest beyond the size."""
        key = self._keyed(item)
        with self._lock:
            if key in self._cells:
                return
            self._cells[key] = cell, blocks
            self._left -= _size(cell, blocks)
            while self._left < 0:
                _, oldest = self._cells.popitem(last=False)
                self._left += _size(*oldest)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._left += sum([_size(*kept) for kept in self._cells.values()])
            self._cells.clear()

    def _keyed(self, item: bytes) -> bytes:
        return blake2b(item, digest_size=16, key=self._key).digest()


def _size(cell: bytes, blocks: Blocks) -> int:
    return 200 + len(cell) + sum([120 + len(body) for _, body in blocks])
