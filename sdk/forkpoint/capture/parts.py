"""Arguments of a decorated function as the parts of its kind, told apart by their names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import cast

from forkpoint.events.kinds import Kind

_PARTS: dict[Kind, tuple[str, ...]] = {
    Kind.MODEL: ("model", "params", "system", "tools", "messages", "format"),
    Kind.RETRIEVER: ("query", "filters", "params", "index"),
    Kind.PLANNER: ("goal", "state"),
    Kind.VALIDATOR: ("subject", "rules"),
    Kind.SAFETY: ("subject", "policy"),
}
"""Part names; the first of a kind takes the first argument if no argument bears its name."""
_REST: dict[Kind, str] = {
    Kind.MODEL: "params",
    Kind.RETRIEVER: "params",
    Kind.PLANNER: "state",
    Kind.VALIDATOR: "rules",
    Kind.SAFETY: "policy",
}
"""The part that takes every argument with another name."""
_OTHER_NAMES = {
    "prompt": "messages",
    "response_format": "format",
    "tool_choice": "format",
    "instructions": "system",
    "filter": "filters",
    "where": "filters",
    "text": "subject",
    "content": "subject",
}
_NEVER = frozenset(
    ("user", "metadata", "timeout", "max_retries", "retries", "api_key", "extra_headers", "headers")
)
"""Arguments of model calls that cannot change the answer; those that start with `stream` too."""
_SYSTEM_ROLES = ("system", "developer")


class Binder:
    """Binds arguments to parameter names, defaults filled in: equal calls are equal values."""

    __slots__ = ("_defaults", "_exclude", "_names", "_signature", "_skip", "_whole")

    def __init__(self, function: Callable[..., object], *, exclude: Collection[str] = ()) -> None:
        signature = inspect.signature(function)
        parameters = list(signature.parameters.values())
        self._skip = 1 if parameters and parameters[0].name in ("self", "cls") else 0
        self._exclude = frozenset(exclude) | {one.name for one in parameters[: self._skip]}
        simple = all(
            one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY) for one in parameters
        )
        self._whole = signature
        self._signature = None if simple else signature
        self._names = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
        self._defaults = {
            one.name: cast("object", one.default)
            for one in parameters
            if one.default is not one.empty
        }

    def bind(self, args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, object]:
        """Arguments by name. A call that does not fit is bound as far as it goes: it will raise."""
        if self._signature is not None:
            bound = self._bind_fully(args, kwargs)
        else:
            bound = {**self._defaults, **dict(zip(self._names, args, strict=False)), **kwargs}
        for name in self._exclude:
            bound.pop(name, None)
        return bound

    def rebind(
        self, args: Sequence[object], kwargs: Mapping[str, object], changed: Mapping[str, object]
    ) -> tuple[tuple[object, ...], dict[str, object]]:
        """The arguments of a call with some of them replaced, by name."""
        bound = self._whole.bind(*args, **kwargs)
        bound.apply_defaults()
        for name, value in changed.items():
            if name in self._whole.parameters:
                bound.arguments[name] = value
        return bound.args, bound.kwargs

    def _bind_fully(
        self, args: Sequence[object], kwargs: Mapping[str, object]
    ) -> dict[str, object]:
        if self._signature is None:
            return dict(kwargs)
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError:
            return {"args": list(args), "kwargs": dict(kwargs)}
        bound.apply_defaults()
        return dict(bound.arguments)


def parts_of(kind: Kind, arguments: dict[str, object], *, version: str | None) -> dict[str, object]:
    """The parts of a call of this kind; parts without a value are left out."""
    if kind is Kind.TOOL:
        return {"args": arguments} if version is None else {"args": arguments, "version": version}
    if kind not in _PARTS:
        return {"input": arguments}
    parts = _sorted_out(kind, arguments)
    if kind is Kind.MODEL:
        split_system(parts)
    return parts


def changed_arguments(
    kind: Kind, arguments: Mapping[str, object], changed: Mapping[str, object]
) -> dict[str, object]:
    """The arguments that make the parts of a call what `changed` says; the others are left out."""
    if kind not in _PARTS:
        part = "args" if kind is Kind.TOOL else "input"
        return dict(cast("Mapping[str, object]", changed.get(part) or {}))
    homes, rest = _homes(kind, arguments)
    new: dict[str, object] = {}
    for part, value in changed.items():
        if part in homes and not (part == _REST[kind] and rest):
            new[homes[part]] = value
        elif isinstance(value, dict):
            given = cast("dict[str, object]", value)
            new |= {name: given[name] for name in rest if name in given}
    if kind is Kind.MODEL and "system" not in homes and "messages" in homes:
        new |= _whole_talk(homes["messages"], arguments, changed)
    return new


def _whole_talk(
    name: str, arguments: Mapping[str, object], changed: Mapping[str, object]
) -> dict[str, object]:
    """Messages with the system messages that `split_system` took off in front again."""
    if "system" not in changed and "messages" not in changed:
        return {}
    parts: dict[str, object] = {"messages": arguments[name]}
    split_system(parts)
    parts |= {part: changed[part] for part in ("system", "messages") if part in changed}
    if not isinstance(parts["messages"], list):
        return {name: parts["messages"]}
    system = cast("list[object]", parts.get("system") or [])
    return {name: [*system, *cast("list[object]", parts["messages"])]}


def _homes(kind: Kind, arguments: Mapping[str, object]) -> tuple[dict[str, str], list[str]]:
    """Which argument each part was made of, and which arguments went into the rest."""
    main = "messages" if kind is Kind.MODEL else _PARTS[kind][0]
    homes: dict[str, str] = {}
    rest: list[str] = []
    for name in arguments:
        part = _place(kind, name)
        if part and part not in homes:
            homes[part] = name
        elif part is not None:
            rest.append(name)
    if main not in homes and rest:
        homes[main] = rest.pop(0)
    return homes, rest


def split_system(parts: dict[str, object]) -> None:
    """Move the leading system messages out of `messages`, where they are no part of the talk."""
    messages = parts.get("messages")
    if "system" in parts or not isinstance(messages, list):
        return
    talk = cast("list[object]", messages)
    count = 0
    while count < len(talk) and _role(talk[count]) in _SYSTEM_ROLES:
        count += 1
    if count:
        parts["system"] = talk[:count]
        parts["messages"] = talk[count:]


def _role(message: object) -> object:
    if isinstance(message, dict):
        return cast("dict[str, object]", message).get("role")
    return getattr(message, "role", None)


def _sorted_out(kind: Kind, arguments: dict[str, object]) -> dict[str, object]:
    main = "messages" if kind is Kind.MODEL else _PARTS[kind][0]
    parts: dict[str, object] = {}
    rest: dict[str, object] = {}
    for name, value in arguments.items():
        part = _place(kind, name)
        if part and part not in parts:
            parts[part] = value
        elif part is not None:
            rest[name] = value
    if main not in parts and rest:
        first = next(iter(rest))
        parts[main] = rest.pop(first)
    _put_rest(parts, rest, _REST[kind])
    return {part: value for part, value in parts.items() if value is not None}


@lru_cache(maxsize=4096)
def _place(kind: Kind, name: str) -> str | None:
    """The part an argument of this name is; empty: the rest; None: no part at all."""
    names = _PARTS[kind]
    part = name if name in names else _OTHER_NAMES.get(name)
    if part in names:
        return part
    if kind is Kind.MODEL and (name in _NEVER or name.startswith("stream")):
        return None
    return ""


def _put_rest(parts: dict[str, object], rest: dict[str, object], into: str) -> None:
    if not rest:
        return
    if into in parts:
        parts[into] = {into: parts[into], **rest}
    else:
        parts[into] = rest
