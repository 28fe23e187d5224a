"""Arguments of a decorated function as the parts of its kind, told apart by their names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
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
_LAYOUTS = 256
"""Layouts kept for each function: `**kwargs` may bring any names."""
_MISSING = object()
_SYSTEM_ROLES = ("system", "developer")


class Binder:
    """Binds arguments to parameter names, defaults filled in: equal calls are equal values."""

    __slots__ = ("_every", "_exclude", "_names", "_order", "_signature", "_simple", "_skip")

    def __init__(self, function: Callable[..., object], *, exclude: Collection[str] = ()) -> None:
        self._signature = inspect.signature(function)
        parameters = list(self._signature.parameters.values())
        self._skip = 1 if parameters and parameters[0].name in ("self", "cls") else 0
        self._exclude = frozenset(exclude) | {one.name for one in parameters[: self._skip]}
        self._simple = all(
            one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY) for one in parameters
        )
        self._names = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
        self._order = {
            one.name: _MISSING if one.default is one.empty else cast("object", one.default)
            for one in parameters
        }
        """All parameters as they are declared: of those that name no part the first counts most."""
        self._every = len(parameters) if self._simple and not exclude else -1

    def bind(self, args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, object]:
        """Arguments by name. A call that does not fit is bound as far as it goes: it will raise."""
        if len(args) == self._every and not kwargs:
            bound = dict(zip(self._names, args))  # noqa: B905 - `strict` costs as much again
            if self._skip:
                del bound[self._names[0]]
            return bound
        if self._simple:
            whole = {**self._order, **dict(zip(self._names, args, strict=False)), **kwargs}
            bound = {name: value for name, value in whole.items() if value is not _MISSING}
        else:
            bound = self._bind_fully(args, kwargs)
        for name in self._exclude:
            bound.pop(name, None)
        return bound

    @property
    def positional(self) -> list[str] | None:
        """Names of the parameters, if positions alone can fill all of them and all are recorded."""
        return self._names if len(self._names) == self._every and not self._skip else None

    def rebind(
        self, args: Sequence[object], kwargs: Mapping[str, object], changed: Mapping[str, object]
    ) -> tuple[tuple[object, ...], dict[str, object]]:
        """The arguments of a call with some of them replaced, by name."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        for name, value in changed.items():
            if name in self._signature.parameters:
                bound.arguments[name] = value
        return bound.args, bound.kwargs

    def _bind_fully(
        self, args: Sequence[object], kwargs: Mapping[str, object]
    ) -> dict[str, object]:
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError:
            return {"args": list(args), "kwargs": dict(kwargs)}
        bound.apply_defaults()
        return dict(bound.arguments)


class Sorter:
    """Puts the arguments of one kind of call into its parts. One for each decorated function."""

    __slots__ = ("_binder", "_direct", "_every", "_kind", "_layouts", "_single", "_version")

    def __init__(self, kind: Kind, binder: Binder, *, version: str | None = None) -> None:
        self._kind = kind
        self._binder = binder
        self._version = version
        self._single = None if kind in _PARTS else "args" if kind is Kind.TOOL else "input"
        self._layouts: dict[tuple[str, ...], _Layout] = {}
        self._direct = self._whole_arguments()
        self._every = len(self._direct)

    def parts(self, args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, object]:
        """The parts of a call with these arguments; parts without a value are left out."""
        if self._every and len(args) == self._every and not kwargs:
            parts = {part: args[at] for part, at in self._direct if args[at] is not None}
            if "messages" in parts:
                split_system(parts)
            return parts
        return self._sorted(self._binder.bind(args, kwargs))

    def _sorted(self, arguments: dict[str, object]) -> dict[str, object]:
        if self._single is not None:
            whole: dict[str, object] = {self._single: arguments}
            return whole if self._version is None else {**whole, "version": self._version}
        layout = self._layout(arguments)
        parts: dict[str, object] = {}
        for part, name in layout.homes:
            value = arguments[name]
            if value is not None or part == layout.into:
                parts[part] = value
        if layout.rest:
            _put_rest(parts, {name: arguments[name] for name in layout.rest}, layout.into)
        elif parts.get(layout.into, self) is None:
            del parts[layout.into]
        if self._kind is Kind.MODEL:
            split_system(parts)
        return parts

    def rebind(
        self, args: Sequence[object], kwargs: Mapping[str, object], changed: Mapping[str, object]
    ) -> tuple[tuple[object, ...], dict[str, object]]:
        """The arguments of a call whose parts become what `changed` says."""
        new = self._changed(self._binder.bind(args, kwargs), changed)
        return self._binder.rebind(args, kwargs, new)

    def _changed(
        self, arguments: Mapping[str, object], changed: Mapping[str, object]
    ) -> dict[str, object]:
        if self._single is not None:
            return dict(cast("Mapping[str, object]", changed.get(self._single) or {}))
        layout = self._layout(arguments)
        homes = dict(layout.homes)
        new: dict[str, object] = {}
        for part, value in changed.items():
            if part in homes and not (part == layout.into and layout.rest):
                new[homes[part]] = value
            elif isinstance(value, dict):
                given = cast("dict[str, object]", value)
                new |= {name: given[name] for name in layout.rest if name in given}
        if self._kind is Kind.MODEL and "system" not in homes and "messages" in homes:
            new |= _whole_talk(homes["messages"], arguments, changed)
        return new

    def _whole_arguments(self) -> tuple[tuple[str, int], ...]:
        """Parts with the place of their argument, where each positional one is a part by itself."""
        names = self._binder.positional
        if self._single is not None or names is None:
            return ()
        layout = _laid_out(self._kind, names)
        if layout.rest or len(layout.homes) != len(names):
            return ()
        return tuple((part, names.index(name)) for part, name in layout.homes)

    def _layout(self, arguments: Mapping[str, object]) -> _Layout:
        """Where each argument goes, which only their names decide."""
        names = tuple(arguments)
        found = self._layouts.get(names)
        if found is None:
            if len(self._layouts) >= _LAYOUTS:
                self._layouts.clear()
            found = self._layouts[names] = _laid_out(self._kind, names)
        return found


@dataclass(frozen=True, slots=True)
class _Layout:
    homes: tuple[tuple[str, str], ...]
    """Parts that are one argument each, with its name."""
    rest: tuple[str, ...]
    """Arguments that go into one part together."""
    into: str


def _laid_out(kind: Kind, names: Sequence[str]) -> _Layout:
    main = "messages" if kind is Kind.MODEL else _PARTS[kind][0]
    homes: dict[str, str] = {}
    rest: list[str] = []
    for name in names:
        part = _place(kind, name)
        if part and part not in homes:
            homes[part] = name
        elif part is not None:
            rest.append(name)
    if main not in homes and rest:
        homes[main] = rest.pop(0)
    return _Layout(tuple(homes.items()), tuple(rest), _REST[kind])


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
    parts[into] = {into: parts[into], **rest} if into in parts else rest
