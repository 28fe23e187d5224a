"""The completion gate: answers are handed over in the order in which the recorded calls finished.

Order matters to `as_completed`, `FIRST_COMPLETED` and shared state. The gate never waits: the
recorder does, and is called back. A faithful replay cannot deadlock on it, for what finished before
a call did not depend on that call; a replay that is not is helped on by `release`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

Wake = Callable[[], None]
"""Called once, from the thread that made way; it must not block."""


class Gate:
    """Points are numbers (`points.py`). Not thread-safe: the session holds a lock around it."""

    def __init__(self, order: Sequence[int]) -> None:
        self._order = order
        self._rank = {place: rank for rank, place in enumerate(order)}
        self._gone = bytearray(len(order))
        self._head = 0
        self._waiting: dict[int, Wake] = {}

    def arrive(self, place: int, wake: Wake) -> bool:
        """Whether the answer may be handed over now; else `wake` is called when to ask again."""
        rank = self._rank.get(place)
        if rank is None or rank <= self._head or self._gone[rank]:
            return True
        self._waiting[rank] = wake
        return False

    def leave(self, places: Iterable[int]) -> Wake | None:
        """Points that are over or will never come; whom to wake, outside the lock."""
        for place in places:
            rank = self._rank.get(place)
            if rank is not None:
                self._gone[rank] = 1
                self._waiting.pop(rank, None)
        while self._head < len(self._order) and self._gone[self._head]:
            self._head += 1
        return self._waiting.pop(self._head, None)

    def release(self) -> Wake | None:
        """Let the first of those that wait go before its turn; None if nobody waits.

        What should have come before it is given up: nobody waits for that again.
        """
        if not self._waiting:
            return None
        first = min(self._waiting)
        self._gone[self._head : first] = b"\x01" * (first - self._head)
        self._head = first
        return self._waiting.pop(first)

    @property
    def head(self) -> int | None:
        """The point whose turn it is."""
        return self._order[self._head] if self._head < len(self._order) else None

    def open(self) -> list[Wake]:
        """Let everybody go, now and later: the replay is over."""
        self._head = len(self._order)
        waiting = list(self._waiting.values())
        self._waiting.clear()
        return waiting
