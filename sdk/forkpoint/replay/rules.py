"""Which rule of a policy holds for a call, and what it says once defaults are filled in."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from forkpoint.events.kinds import Effect, Kind, Mode
from forkpoint.replay.policy import (
    Body,
    Budgets,
    Filter,
    Patterns,
    Policy,
    Rung,
    Simulate,
    seconds,
)

_DECLARING = frozenset({Kind.TOOL, Kind.CUSTOM})
"""Kinds whose effect is what was declared; all others read."""


class CallFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What rules can look at."""

    kind: Kind
    name: str
    site: str | None
    strand: str
    key: str
    effect: Effect | None
    after_cut: bool


class Treatment(msgspec.Struct, frozen=True, kw_only=True):
    """How one call is to be answered, nothing left open."""

    rule: int | None
    """Index of the rule that decided; None for the default."""
    mode: Mode
    on_miss: tuple[Rung, ...]
    scope: Literal["run", "lineage", "project"]
    reuse: Literal["once", "any"]
    ttl_s: float | None
    allow_errors: bool
    simulate: Simulate | None
    transparent: bool
    effect: Effect
    allow_repeat: bool
    budgets: Budgets | None


class Rules:
    """Resolves calls; answers that do not depend on key or strand are remembered."""

    def __init__(self, policy: Policy) -> None:
        self._default = policy.default
        self._rules = [(rule, _Fits(rule.match)) for rule in policy.rules]
        self._by_place = any(rule.match.strand or rule.match.key for rule in policy.rules)
        self._known: dict[tuple[object, ...], Treatment] = {}

    def resolve(self, call: CallFacts) -> Treatment:
        """The first matching rule over the default."""
        if self._by_place:
            return self._resolve(call)
        facts = (call.kind, call.name, call.site, call.effect, call.after_cut)
        known = self._known.get(facts)
        if known is None:
            known = self._known[facts] = self._resolve(call)
        return known

    def _resolve(self, call: CallFacts) -> Treatment:
        declared = effect_of(call.kind, call.effect)
        for number, (rule, fits) in enumerate(self._rules):
            if fits(call, declared):
                return _filled(rule, self._default, call, rule_number=number)
        return _filled(Body(), self._default, call, rule_number=None)


def effect_of(kind: Kind, declared: Effect | None) -> Effect:
    """The effect of a call: undeclared tools are `unknown`, all kinds but tool and custom read."""
    if kind in _DECLARING:
        return declared or Effect.UNKNOWN
    return Effect.READ


class _Fits:
    """A filter with its globs compiled."""

    def __init__(self, match: Filter) -> None:
        self._kind = _glob(match.kind)
        self._name = _glob(match.name)
        self._site = _glob(match.site)
        self._strand = _glob(match.strand)
        self._key = _glob(match.key)
        self._effect = _glob(match.effect)
        self._after_cut = match.after_cut

    def __call__(self, call: CallFacts, effect: Effect) -> bool:
        return bool(
            self._kind(call.kind)
            and self._name(call.name)
            and self._site(call.site or "")
            and self._strand(call.strand)
            and self._key(call.key)
            and self._effect(effect)
            and (self._after_cut is None or self._after_cut is call.after_cut)
        )


def _glob(patterns: Patterns) -> Callable[[str], object]:
    if patterns is None:
        return _anything
    listed: Iterable[str] = (patterns,) if isinstance(patterns, str) else patterns
    return re.compile("|".join(fnmatch.translate(glob) for glob in listed) or r"(?!)").match


def _anything(_text: str) -> object:
    return True


def _filled(rule: Body, default: Body, call: CallFacts, *, rule_number: int | None) -> Treatment:
    boundary = rule.boundary or default.boundary
    return Treatment(
        rule=rule_number,
        mode=rule.mode or default.mode or Mode.EXACT,
        on_miss=rule.on_miss or default.on_miss or ("halt",),
        scope=rule.scope or default.scope or "lineage",
        reuse=rule.reuse or default.reuse or "once",
        ttl_s=seconds(rule.ttl or default.ttl),
        allow_errors=_first(rule.allow_errors, default.allow_errors),
        simulate=rule.simulate or default.simulate,
        transparent=call.kind is Kind.AGENT if boundary is None else boundary == "transparent",
        effect=rule.effect or default.effect or effect_of(call.kind, call.effect),
        allow_repeat=_first(rule.allow_repeat, default.allow_repeat),
        budgets=rule.budgets,
    )


def _first(rule: bool | None, default: bool | None) -> bool:
    return bool(default if rule is None else rule)
