"""Budgets of live calls: what was granted, what is used up."""

from __future__ import annotations

from collections.abc import Callable

from forkpoint.events.kinds import Kind
from forkpoint.replay.fresh import Reply
from forkpoint.replay.policy import Budgets
from forkpoint.replay.recording import Recording

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


class Charges:
    """What live calls cost: what is known of one, else its tokens at the price of the recording."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._rates: dict[str, float] | None = None

    def of(self, reply: Reply) -> tuple[int, int]:
        """Tokens and micro-USD to charge for an answer; no money where nothing tells a price."""
        tokens = (reply.tokens_in or 0) + (reply.tokens_out or 0)
        if reply.cost_micro_usd is not None:
            return tokens, reply.cost_micro_usd
        if self._rates is None:
            self._rates = _rates(self._recording)
        return tokens, round(tokens * self._rates.get(reply.model or "", 0))


def _rates(recording: Recording) -> dict[str, float]:
    """Micro-USD a token by model, over all its recorded calls that say what they cost."""
    spent: dict[str, tuple[int, int]] = {}
    for started, ended in zip(recording.started, recording.ended, strict=True):
        if ended is None or ended.cost_micro_usd is None:
            continue
        model = ended.model or started.model or ""
        cost, tokens = spent.get(model, (0, 0))
        more = (ended.tokens_in or 0) + (ended.tokens_out or 0)
        spent[model] = cost + ended.cost_micro_usd, tokens + more
    return {model: cost / tokens for model, (cost, tokens) in spent.items() if tokens}
