"""Trackers: the growing lists of a strand, encoded in the time their new items take.

Snapshots are compared as bytes, which is exact; identity and `==` would not be, since messages are
mutable and 1 == True == 1.0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from forkpoint.content.blocks import Digest, Sink, Value
from forkpoint.content.cache import Blocks, CellCache
from forkpoint.content.encode import Writer
from forkpoint.content.growing import ListEncoder
from forkpoint.content.limits import LIMITS, Limits
from forkpoint.content.match import Match
from forkpoint.content.packed import list_header
from forkpoint.content.snapshot import restore_snapshot

Redact = Callable[[Value], Value]
"""Masks one item; what it does to an item depends on nothing but the item."""


class How(Enum):
    """How a list was told from the one before it."""

    SAME = "same"
    APPEND = "append"
    SHIFT = "shift"
    REBUILD = "rebuild"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fed:
    """The list of one snapshot.

    `prefix` is the root of the longest earlier list it extends, if any (of those that shared its
    front with every list since); `delta` the root of the
    items after that (the whole list without one), whose blocks are not written; `new` the number of
    items that were redacted and encoded for it.
    """

    root: Digest
    prefix: Digest | None
    delta: Digest
    new: int
    how: How


class Tracker:
    """One list part of one strand: `feed` each snapshot of it in order.

    Every cell it gives out had its blocks sent to the sink, unless an earlier feed sent them. Not
    safe for use by two threads at once.
    """

    def __init__(
        self,
        sink: Sink,
        redact: Redact | None = None,
        *,
        cache: CellCache | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        self._sink = sink
        self._redact = redact
        self._cache = cache
        self._limits = limits
        self.reset()

    def reset(self) -> None:
        """Forget the list: the next snapshot is encoded as a whole."""
        self._data = b""
        self._starts: list[int] = [0]
        self._cells: list[bytes] = []
        self._encoder = ListEncoder(self._sink, self._limits)
        self._marks: list[tuple[int, Digest]] = []

    @property
    def held(self) -> int:
        """Bytes of the raw snapshot kept for the next comparison."""
        return len(self._data)

    def feed(self, snapshot: bytes) -> Fed:
        """The roots of a list, from the snapshot of it; the tracker is unchanged if this raises."""
        count, first = list_header(snapshot)
        match = Match(self._data, self._starts, self._cells, snapshot, first)
        known = len(self._cells)
        if known <= count and known and match.all_of_old():
            return self._appended(match, count)
        while len(match.cells) < count:
            if not match.reuse(count):
                match.add(self._cell)
        self._encoder = ListEncoder(self._sink, self._limits)
        self._encoder.push_cells(match.cells)
        how = How.SHIFT if match.shifted else How.REBUILD
        return self._take(match, how=how)

    def _appended(self, match: Match, count: int) -> Fed:
        known = len(match.cells)
        if known == count:
            return self._take(match, how=How.SAME)
        while len(match.cells) < count:
            match.add(self._cell)
        self._encoder.push_cells(match.cells[known:])
        return self._take(match, how=How.APPEND)

    def _take(self, match: Match, *, how: How) -> Fed:
        self._data, self._cells, self._starts = match.new, match.cells, match.starts
        root = self._encoder.root()
        while self._marks and self._marks[-1][0] > match.common:
            self._marks.pop()
        length, prefix = self._marks[-1] if self._marks else (0, None)
        count = len(self._cells)
        if count and length < count:
            self._marks.append((count, root))
        delta = root if prefix is None else self._delta(length)
        return Fed(root=root, prefix=prefix, delta=delta, new=match.added, how=how)

    def _delta(self, length: int) -> Digest:
        encoder = ListEncoder(_forget, self._limits)
        encoder.push_cells(self._cells[length:])
        return encoder.root()

    def _cell(self, item: bytes) -> bytes:
        found = None if self._cache is None else self._cache.find(item)
        if found is None:
            found = self._encoded(item)
            if self._cache is not None:
                self._cache.keep(item, *found)
        cell, blocks = found
        for digest, body in blocks:
            self._sink(digest, body)
        return cell

    def _encoded(self, item: bytes) -> tuple[bytes, Blocks]:
        value = restore_snapshot(item)
        if self._redact is not None:
            value = self._redact(value)
        blocks: list[tuple[Digest, bytes]] = []
        writer = Writer(lambda digest, body: blocks.append((digest, body)), self._limits)
        return writer.cell(value, 2), blocks


def _forget(_digest: Digest, _body: bytes) -> None:
    return
