"""Budgets of live calls: what was granted, what is used up."""

from __future__ import annotations

from collections.abc import Callable

from forkpoint.events.kinds import Kind
from forkpoint.replay.policy import Budgets

NANOSECONDS = 1_000_000_000
MICRO = 1_000_000


class Purse:
    """One budget, of a policy or of a rule."""

    def __init__(self, budgets: Budgets, now: Callable[[], int]) -> None:
        self._budgets = budgets
        self._now = now
        self._since = now()
        self.calls = 0
        self.tokens = 0
        self.cost_micro_usd = 0

    def exhausted(self, kind: Kind) -> str | None:
        """The code of the budget that forbids one more live call; None if all allow it."""
        granted = self._budgets
        if self.calls >= granted.calls:
            return "budget_calls"
        if (self._now() - self._since) >= granted.wall_s * NANOSECONDS:
            return "budget_wall_s"
        if kind is not Kind.MODEL:
            return None
        if self.tokens >= granted.tokens:
            return "budget_tokens"
        if self.cost_micro_usd >= granted.cost_usd * MICRO:
            return "budget_cost_usd"
        return None

    def begin(self) -> None:
        """One live call begins."""
        self.calls += 1

    def spend(self, *, tokens: int, cost_micro_usd: int) -> None:
        """A live call reported what it used."""
        self.tokens += tokens
        self.cost_micro_usd += cost_micro_usd

    def used(self) -> dict[str, int]:
        """What was used, as sessions show it; `cost` in micro-USD."""
        return {"calls": self.calls, "tokens": self.tokens, "cost": self.cost_micro_usd}
