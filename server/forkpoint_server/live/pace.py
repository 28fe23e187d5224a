"""How often a subscription looks: seldom in the long run, at once for the first few."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Pace:
    """At most one look in `between_s` on average; `burst` looks may follow each other at once.

    So the first steps of a run are seen as they come, and a busy one costs ten looks a second.
    Times are seconds of one monotonic clock.
    """

    between_s: float = 0.1
    burst: int = 5
    _due: float = field(default=float("-inf"))

    def delay(self, now: float) -> float:
        """Seconds to wait before the next look, which is counted with this call."""
        self._due = max(self._due + self.between_s, now - self.burst * self.between_s)
        return max(0.0, self._due - now)
