"""Stored blocks for engine code that runs in a thread: loaded when it asks, or beforehand."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from forkpoint.content import Digest, Get, LimitExceeded

from forkpoint_server.artifacts.loading import BlockLoader

PATIENCE_S = 60
"""Seconds that a thread waits for one answer of the database."""


class LazyBlocks:
    """A `Get` for one thread, within one budget of bytes; each block is loaded once.

    The loop that owns the connection must go on running while the thread asks. Raises
    `LimitExceeded` of the content room beyond the budget.
    """

    def __init__(
        self, blocks: BlockLoader, loop: asyncio.AbstractEventLoop, *, budget: int
    ) -> None:
        self._blocks = blocks
        self._loop = loop
        self._budget = budget
        self._known: dict[Digest, bytes] = {}
        self._size = 0

    def __call__(self, digests: Collection[Digest]) -> Mapping[Digest, bytes]:
        """Those of the blocks that are stored."""
        wanted = [digest for digest in digests if digest not in self._known]
        if wanted:
            asked = asyncio.run_coroutine_threadsafe(self._blocks.load(wanted), self._loop)
            found = asked.result(PATIENCE_S)
            self._size += sum(map(len, found.values()))
            if self._size > self._budget:
                raise LimitExceeded("diff_bytes", self._budget)
            self._known.update(found)
        return {digest: self._known[digest] for digest in digests if digest in self._known}


def known_blocks(blocks: Mapping[Digest, bytes]) -> Get:
    """Blocks in memory."""

    def get(digests: Collection[Digest]) -> Mapping[Digest, bytes]:
        return {digest: blocks[digest] for digest in digests if digest in blocks}

    return get
