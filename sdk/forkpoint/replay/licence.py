"""Whether a live call may be made: effects, hosts, the fence, and what is left of the budgets."""

from __future__ import annotations

from collections.abc import Callable

from forkpoint.events.kinds import Kind
from forkpoint.replay.asked import Asked
from forkpoint.replay.effects import Fence, Passage, refusal
from forkpoint.replay.recording import Recording
from forkpoint.replay.rules import Treatment
from forkpoint.replay.spec import ReplaySpec
from forkpoint.replay.spend import Purse

_ACTING = frozenset({Kind.TOOL, Kind.CUSTOM})
"""Kinds that act on their arguments: a token in the place of a value would be acted on."""


class Licence:
    """Grants live calls of one replay and keeps count."""

    def __init__(self, spec: ReplaySpec, recording: Recording, now: Callable[[], int]) -> None:
        self.purse = Purse(spec.policy.budgets, now)
        self._spec = spec
        self._now = now
        self._fence = Fence(recording)
        self._own: dict[int, Purse] = {}
        self._open: dict[str, list[Purse]] = {}

    def refusal(self, asked: Asked) -> str | None:
        """The stop code that forbids this call; None if it may be made."""
        if asked.changed or (asked.kind[0] in _ACTING and asked.call.masked()):
            return "live_refused"
        for purse in self._purses(asked.treatment):
            code = purse.exhausted(asked.call.kind)
            if code is not None:
                return code
        effect, name = asked.treatment.effect, asked.call.name
        return refusal(effect, name, self._spec.policy, self._spec.grants)

    def passage(self, asked: Asked, used: bytearray) -> Passage:
        """What the fence says to a live write."""
        call = asked.call
        return self._fence.decide(
            call.name,
            fields=call.intent,
            args=call.value("args") if call.intent else None,
            used=used,
            allow_repeat=asked.treatment.allow_repeat,
        )

    def begin(self, asked: Asked) -> None:
        """The call is made."""
        purses = self._purses(asked.treatment)
        for purse in purses:
            purse.begin()
        if asked.call.kind is Kind.MODEL:
            self._open[asked.call.key] = purses

    def spend(self, key: str, *, tokens: int, cost_micro_usd: int) -> None:
        """A live call reported what it used; calls of other modes are ignored."""
        for purse in self._open.pop(key, ()):
            purse.spend(tokens=tokens, cost_micro_usd=cost_micro_usd)

    def _purses(self, treatment: Treatment) -> list[Purse]:
        rule, budgets = treatment.rule, treatment.budgets
        if rule is None or budgets is None:
            return [self.purse]
        if rule not in self._own:
            self._own[rule] = Purse(budgets, self._now)
        return [self._own[rule], self.purse]
