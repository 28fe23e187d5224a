"""What a replay noticed on its way: divergences in order of their causes, and soft findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import msgspec

SOFT_LISTED = 100
"""Soft findings named in a report; the rest is counted."""


class Divergence(msgspec.Struct, frozen=True, kw_only=True):
    """One place where the run and its recording part."""

    reason: str
    """A code of `codes.py`."""
    key: str
    """Call key in the new run; of the recording for a missing call."""
    message: str
    place: int | None = None
    """The recorded step concerned."""
    site: str | None = None
    kind: str | None = None
    name: str | None = None
    parts: dict[str, tuple[str | None, str | None]] = {}
    """Changed part -> roots, recorded and now."""
    changes: tuple[dict[str, object], ...] = ()
    jumped: tuple[str, ...] = ()
    """Keys of recorded steps that were skipped."""


class Findings:
    """Grows during a replay; the first divergence is the one that counts."""

    def __init__(self) -> None:
        self.divergences: list[Divergence] = []
        self.told: Callable[[Divergence], None] | None = None
        """Told of each divergence: the process that began the run comes to the verdict."""
        self._soft: Counter[tuple[str, str]] = Counter()

    def diverge(self, divergence: Divergence) -> None:
        """Note a divergence."""
        self.divergences.append(divergence)
        if self.told is not None:
            self.told(divergence)

    def note(self, code: str, key: str) -> None:
        """Note something soft about a call."""
        self._soft[code, key] += 1

    def soft(self) -> list[dict[str, object]]:
        """Soft findings as JSON: code, how often, the first keys."""
        keys: dict[str, list[str]] = {}
        for code, key in self._soft:
            keys.setdefault(code, []).append(key)
        return [
            {"code": code, "count": len(found), "keys": found[:SOFT_LISTED]}
            for code, found in keys.items()
        ]
