"""Which items of a list were in the list before it, told by comparing the bytes of snapshots."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from forkpoint.content.packed import item_end

_PROBES = 64
"""Items a trim may drop before old items are looked up in a table instead."""


class Match:
    """A new snapshot read from its front against the old one, item by item or run by run."""

    def __init__(
        self, old: bytes, starts: list[int], cells: list[bytes], new: bytes, first: int
    ) -> None:
        self._old, self._old_starts, self._old_cells = old, starts, cells
        self._view = memoryview(old)
        self._next = 0
        self._table: dict[bytes, int] | None = None
        self.new = new
        self.starts = [first]
        self.cells: list[bytes] = []
        self.added = 0
        self.common = 0
        self.shifted = False

    def all_of_old(self) -> bool:
        """Whether the new snapshot starts with every old item; they are taken over if so."""
        if not self.new.startswith(self._view[self._old_starts[0] :], self.starts[0]):
            return False
        self._take(0, len(self._old_cells))
        return True

    def reuse(self, count: int) -> bool:
        """Take over the longest run of old items that comes next, if there is any."""
        # Where the old list went on; one further, for an item that was replaced; then anywhere.
        for at in (self._next, self._next + 1):
            run = self._run(at, count - len(self.cells))
            if run:
                self._take(at, run)
                return True
        at = self._found()
        if at is None:
            return False
        self._take(at, self._run(at, count - len(self.cells)))
        return True

    def add(self, cell_of: Callable[[bytes], bytes]) -> None:
        """Take the next item as a new one."""
        start = self.starts[-1]
        end = item_end(self.new, start)
        self.cells.append(cell_of(self.new[start:end]))
        self.starts.append(end)
        self.added += 1

    def _run(self, at: int, most: int) -> int:
        """How many old items from `at` on come next, by galloping."""
        starts, position = self._old_starts, self.starts[-1]
        most = min(most, len(self._old_cells) - at)
        run, step = 0, 1
        while run < most and step:
            step = min(step, most - run)
            old = self._view[starts[at + run] : starts[at + run + step]]
            if self.new.startswith(old, position):
                run += step
                position += len(old)
                step *= 2
            else:
                step //= 2
        return run

    def _found(self) -> int | None:
        """Where the next item stands in the old list."""
        if not self._old_cells:
            return None
        if self.added == 0:
            last = min(self._next + _PROBES, len(self._old_cells))
            for at in range(self._next + 2, last):
                if self._run(at, 1):
                    return at
        start = self.starts[-1]
        return self._places().get(self.new[start : item_end(self.new, start)])

    def _places(self) -> dict[bytes, int]:
        if self._table is None:
            starts = self._old_starts
            ends = pairwise(starts)
            self._table = {self._old[a:b]: at for at, (a, b) in enumerate(ends)}
        return self._table

    def _take(self, at: int, run: int) -> None:
        self.shifted = self.added == 0
        if at == len(self.cells) == self.common:
            self.common += run
        self.cells += self._old_cells[at : at + run]
        moved = self.starts[-1] - self._old_starts[at]
        starts = self._old_starts[at + 1 : at + run + 1]
        self.starts += [start + moved for start in starts] if moved else starts
        self._next = at + run
