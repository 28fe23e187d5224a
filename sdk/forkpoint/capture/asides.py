"""What is recorded beside the steps: points whose order counts, and values that user code drew.

They come often and are small, so that each kind is collected and written as one note now and then.
"""

from __future__ import annotations

from forkpoint.capture.items import Drawn, Noted, Passed
from forkpoint.content.snapshot import snapshot
from forkpoint.replay.identity import DRAWS, POINTS

MOST = 512
"""Collected points or draws that are written at once."""
LATE_NS = 1_000_000_000
"""Age of the oldest at which they are: so much of them a killed process may lose."""


class Asides:
    """Collects for one writer. Not thread-safe: the writer's lock is held around it."""

    def __init__(self) -> None:
        self._points: list[list[object]] = []
        self._draws: dict[str, dict[str, list[object]]] = {}
        self._count = 0
        self._since = 0

    def take(self, item: Passed | Drawn, *, number: int) -> bool:
        """Collect one; `number`: of the writer's next event. True when it is time to write."""
        if isinstance(item, Passed):
            self._points.append([item.point, number])
        else:
            self._draws.setdefault(item.scope, {}).setdefault(item.source, []).append(item.value)
        if not self._count:
            self._since = item.time_ns
        self._count += 1
        return self._count >= MOST or item.time_ns - self._since > LATE_NS

    def notes(self, time_ns: int) -> list[Noted]:
        """What was collected, as facts; nothing is left."""
        found: list[Noted] = []
        if self._points:
            payload = snapshot(self._points)
            found.append(Noted(name=POINTS, time_ns=time_ns, role=POINTS, payload=payload))
        for scope, drawn in self._draws.items():
            payload = snapshot(drawn)
            found.append(
                Noted(name=DRAWS, time_ns=time_ns, strand=scope, role=DRAWS, payload=payload)
            )
        self._points, self._draws, self._count = [], {}, 0
        return found
