"""Taint: answers that did not happen mark what follows them."""

from __future__ import annotations

from forkpoint.replay.identity import spawner_of, strand_of

_NONE: tuple[str, ...] = ()


class Taints:
    """Marks of strands. A mark spreads to the strands that wait for this one, by its result."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, ...]] = {}

    def of(self, strand: str, *, new: str | None) -> tuple[str, ...]:
        """The marks of a call on a strand, once its own is added."""
        held = self._held.get(strand, _NONE)
        if new is None or new in held:
            return held
        at: str | None = strand
        while at is not None:
            waiting = strand_of(at) or at
            known = self._held.get(waiting, _NONE)
            if new not in known:
                self._held[waiting] = (*known, new)
            at = spawner_of(waiting)
        return self._held[strand]
