"""Counters of the recorder: what it did and, above all, what it lost."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

LOSSES = frozenset(
    (
        "blocks_lost",
        "events_lost",
        "events_rejected",
        "key_missing",
        "payloads_withheld",
        "rejected_not_kept",
        "spool_records_lost",
    )
)
"""Names of totals that count something lost."""
FACTS = LOSSES - {"key_missing", "payloads_withheld"}
"""Those of them that a flush tells of: whole facts, not what was withheld from one."""


@dataclass(slots=True)
class Counters:
    """Named totals since the process began; any thread may add to them."""

    _totals: Counter[str] = field(default_factory=Counter[str])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, amount: int = 1) -> None:
        """Add to a total."""
        with self._lock:
            self._totals[name] += amount

    def renew(self) -> None:
        """Start from zero with a new lock, in a forked process."""
        self._totals = Counter()
        self._lock = threading.Lock()

    def losses(self) -> dict[str, int]:
        """Those totals that count what was recorded and is not kept, by name."""
        return {name: total for name, total in self.read().items() if name in LOSSES}

    def facts_lost(self) -> int:
        """Events, blocks and records that were recorded and are not kept."""
        with self._lock:
            return sum(self._totals[name] for name in FACTS)

    def read(self) -> dict[str, int]:
        """All totals that are not zero, by name."""
        with self._lock:
            return {name: total for name, total in sorted(self._totals.items()) if total}
