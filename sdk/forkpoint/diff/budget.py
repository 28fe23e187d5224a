"""What all replays of a verification together may take, and what each of them may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What the replays so far took. `wall_s` counts from the beginning of the first."""

    sessions: int
    calls: int = 0
    tokens: int = 0
    cost_micro_usd: int = 0
    wall_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """None: as much as the policy allows to each replay."""

    sessions: int
    calls: int | None = None
    tokens: int | None = None
    cost_micro_usd: int | None = None
    wall_s: int | None = None

    def reached(self, spent: Spent) -> bool:
        """Whether no further replay may begin."""
        return spent.sessions >= self.sessions or any(
            _reached(getattr(self, name), getattr(spent, name))
            for name in ("calls", "tokens", "cost_micro_usd", "wall_s")
        )

    def left(self, spent: Spent, *, share: int = 1) -> Limits:
        """What each of the next `share` replays may take; all of them run at the same time."""

        def left(limit: int | None, used: int) -> int | None:
            return None if limit is None else max(0, limit - used) // max(1, share)

        wall = self.wall_s
        return replace(
            self,
            calls=left(self.calls, spent.calls),
            tokens=left(self.tokens, spent.tokens),
            cost_micro_usd=left(self.cost_micro_usd, spent.cost_micro_usd),
            wall_s=None if wall is None else max(1, int(wall - spent.wall_s)),
        )

    def within(self, policy: Mapping[str, object]) -> Mapping[str, object]:
        """The policy with no more budget than this."""
        budgets = dict(cast("Mapping[str, float]", policy.get("budgets") or {}))
        most = {
            "calls": self.calls,
            "tokens": self.tokens,
            "cost_usd": None if self.cost_micro_usd is None else self.cost_micro_usd / 1e6,
            "wall_s": self.wall_s,
        }
        for name, left in most.items():
            if left is not None and name in budgets:
                budgets[name] = min(budgets[name], left)
        return {**policy, "budgets": budgets} if budgets else policy


def _reached(limit: int | None, used: float) -> bool:
    """A limit of nothing is no reason not to begin: nothing live will happen then."""
    return bool(limit) and used >= (limit or 0)
