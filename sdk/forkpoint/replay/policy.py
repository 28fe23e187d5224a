"""The policy format `forkpoint.policy/1`: what it may say, read strictly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, cast

import msgspec

from forkpoint.content.blocks import Key, Value
from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Effect, Mode

POLICY_FORMAT = "forkpoint.policy/1"
SIZE_LIMIT = 1 << 20
"""Bytes of a policy as JSON."""
RULE_LIMIT = 500
DEPTH_LIMIT = 64
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

Rung = Literal["halt", "cached", "simulated", "live", "error_result"]
"""What to try when the mode has no answer for a call."""
Patterns = str | tuple[str, ...] | None
"""A glob, or several of which one must fit; None fits everything."""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Shared strictness of everything in a policy."""


class Fault(_Part, frozen=True):
    """A failure to hand to the agent; the times are reported, waited only at `pace`."""

    error: str | dict[str, object] | None = None
    timeout_s: float | None = None
    latency_s: float | None = None


class Case(_Part, frozen=True):
    """A payload for calls whose input has these values at these pointers."""

    when: dict[str, object]
    value: object


class Simulate(_Part, frozen=True):
    """Where the operator's payload comes from; exactly one is given."""

    static: object = msgspec.UNSET
    template: object = msgspec.UNSET
    cases: tuple[Case, ...] | msgspec.UnsetType = msgspec.UNSET
    model: str | msgspec.UnsetType = msgspec.UNSET
    fault: Fault | msgspec.UnsetType = msgspec.UNSET
    function: str | msgspec.UnsetType = msgspec.UNSET


class Budgets(_Part, frozen=True):
    """How much live calls may use; nothing unless granted."""

    calls: int = 0
    tokens: int = 0
    cost_usd: float = 0
    wall_s: float = 0


class Body(_Part, frozen=True):
    """How calls are answered. None: as `default` says, there: the built-in default."""

    mode: Mode | None = None
    on_miss: tuple[Rung, ...] | None = None
    scope: Literal["run", "lineage", "project"] | None = None
    reuse: Literal["once", "any"] | None = None
    ttl: str | None = None
    """Greatest age of a cached answer: `90s`, `15m`, `6h`, `7d`; `-` for any."""
    allow_errors: bool | None = None
    simulate: Simulate | None = None
    boundary: Literal["opaque", "transparent"] | None = None
    effect: Effect | None = None
    """Overrides what the tool declares."""
    allow_repeat: bool | None = None
    """Whether a live write may be made although one of equal intent was."""
    budgets: Budgets | None = None


class Filter(_Part, frozen=True):
    """Which calls a rule is for; all given fields must fit."""

    kind: Patterns = None
    name: Patterns = None
    site: Patterns = None
    strand: Patterns = None
    key: Patterns = None
    effect: Patterns = None
    after_cut: bool | None = None


class Rule(Body, frozen=True):
    """A body for the calls its filter fits; the first such rule decides."""

    match: Filter = Filter()


class AllowLive(_Part, frozen=True):
    """Hosts a live call may reach."""

    hosts: tuple[str, ...] = ()


class GateTimes(_Part, frozen=True):
    """When the completion gate gives up waiting for the recorded order."""

    stall_ms: float = 500
    max_wait_s: float = 60


class Normaliser(_Part, frozen=True, rename={"kind": "as"}):
    """A place of an input whose value is compared by its form only."""

    part: str
    pointer: str
    kind: Literal["uuid", "time", "path", "pid", "address"]


class Policy(_Part, frozen=True):
    """Rules that give each call of a replay its mode."""

    policy: Literal["forkpoint.policy/1"]
    default: Body = Body()
    rules: tuple[Rule, ...] = ()
    allow_live: AllowLive = AllowLive()
    allow_effects: tuple[str, ...] = ()
    allow_subprocess: tuple[str, ...] = ()
    budgets: Budgets = Budgets()
    on_divergence: Literal["halt", "continue"] = "halt"
    allow_shift: bool = False
    allow_shape_match: bool = False
    nondeterminism: Literal["soft", "strict", "off"] = "soft"
    pace: float = 0
    gate: GateTimes = GateTimes()
    retries: Literal["logical", "attempts"] = "logical"
    on_unknown_outcome: Literal["halt"] = "halt"
    normalise: tuple[Normaliser, ...] = ()

    def to_json(self) -> dict[Key, Value]:
        """The policy as JSON values, defaults left out; reading it again gives an equal one."""
        return cast("dict[Key, Value]", msgspec.to_builtins(self))


def default_policy(*, fork: bool) -> Policy:
    """What holds when nothing is said: exact; in a fork cached."""
    mode = Mode.CACHED if fork else Mode.EXACT
    return Policy(policy=POLICY_FORMAT, default=Body(mode=mode))


def read_policy(value: object) -> Policy:
    """A policy from parsed JSON; raises `ReplayError` `policy_invalid`, naming the place."""
    if not isinstance(value, Mapping):
        raise invalid("a policy must be a JSON object", "")
    _check_depth(cast("object", value), 0)
    try:
        size = len(msgspec.json.encode(value))
        policy = msgspec.convert(value, Policy)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise invalid(what, where.rstrip("`").lstrip(".")) from None
    except (TypeError, ValueError):
        raise invalid("a policy holds JSON values only", "") from None
    if size > SIZE_LIMIT or len(policy.rules) > RULE_LIMIT:
        raise invalid(f"at most {SIZE_LIMIT} bytes and {RULE_LIMIT} rules are allowed", "rules")
    _check(policy)
    return policy


def seconds(duration: str | None) -> float | None:
    """A `ttl` in seconds; None for any age."""
    if duration is None or duration == "-":
        return None
    found = re.fullmatch(r"(\d{1,9})([smhd])", duration)
    if found is None:
        raise invalid(f"`{duration[:20]}` is no duration like `90s`, `15m`, `6h`, `7d`", "ttl")
    return int(found[1]) * _UNITS[found[2]]


def invalid(why: str, where: str) -> ReplayError:
    """The error of a policy that says what it may not."""
    return ReplayError(f"policy: {why} (at `{where}`)", code="policy_invalid", field=where)


def _check(policy: Policy) -> None:
    default = policy.default
    _check_body(default, "default", simulate=default.simulate)
    for number, rule in enumerate(policy.rules):
        _check_body(rule, f"rules[{number}]", simulate=rule.simulate or default.simulate)
    if policy.pace < 0 or policy.gate.stall_ms < 0 or policy.gate.max_wait_s < 0:
        raise invalid("times and factors cannot be negative", "pace, gate")
    _check_budgets(policy.budgets, "budgets")
    for number, normaliser in enumerate(policy.normalise):
        if normaliser.pointer and not normaliser.pointer.startswith("/"):
            raise invalid("a pointer begins with `/`", f"normalise[{number}].pointer")


def _check_body(body: Body, where: str, *, simulate: Simulate | None) -> None:
    seconds(body.ttl)
    if body.on_miss == ():
        raise invalid("the ladder needs at least one rung", f"{where}.on_miss")
    if body.budgets is not None:
        _check_budgets(body.budgets, f"{where}.budgets")
    if body.simulate is not None:
        given = [name for name, value in _given(body.simulate) if value is not msgspec.UNSET]
        if len(given) != 1:
            raise invalid("exactly one source of a simulated answer", f"{where}.simulate")
    needs_payload = body.mode is Mode.SIMULATED or "simulated" in (body.on_miss or ())
    if needs_payload and simulate is None:
        raise invalid("`simulated` needs `simulate`", where)


def _given(simulate: Simulate) -> list[tuple[str, object]]:
    return [(name, cast("object", getattr(simulate, name))) for name in Simulate.__struct_fields__]


def _check_budgets(budgets: Budgets, where: str) -> None:
    if min(budgets.calls, budgets.tokens, budgets.cost_usd, budgets.wall_s) < 0:
        raise invalid("a budget cannot be negative", where)


def _check_depth(value: object, depth: int) -> None:
    if depth > DEPTH_LIMIT:
        raise invalid(f"nested deeper than {DEPTH_LIMIT}", "")
    if isinstance(value, Mapping):
        for item in cast("Mapping[str, object]", value).values():
            _check_depth(item, depth + 1)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            _check_depth(item, depth + 1)
