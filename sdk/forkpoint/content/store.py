"""Where blocks are kept: the role, and its twin in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Protocol

from forkpoint.content.blocks import Digest


class BlockStore(Protocol):
    """Content-addressed bodies. Putting a block twice keeps it once; bodies never change.

    `put` is a `Sink` and `get` a `Get`: digests the store does not have are left out of the answer.
    """

    def put(self, digest: Digest, body: bytes) -> None:
        """Keep a block."""
        ...

    def get(self, digests: Collection[Digest]) -> Mapping[Digest, bytes]:
        """The bodies of those digests that are kept."""
        ...


class MemoryBlocks:
    """A `BlockStore` in a dict; `loads` counts the blocks that were asked for."""

    __slots__ = ("blocks", "loads")

    def __init__(self) -> None:
        self.blocks: dict[Digest, bytes] = {}
        self.loads = 0

    def __len__(self) -> int:
        return len(self.blocks)

    def __iter__(self) -> Iterator[Digest]:
        return iter(self.blocks)

    @property
    def size(self) -> int:
        """Bytes of all bodies."""
        return sum(map(len, self.blocks.values()))

    def put(self, digest: Digest, body: bytes) -> None:
        """Keep a block."""
        self.blocks[digest] = body

    def get(self, digests: Collection[Digest]) -> Mapping[Digest, bytes]:
        """The bodies of those digests that are kept."""
        self.loads += len(digests)
        kept = self.blocks
        return {digest: kept[digest] for digest in digests if digest in kept}
