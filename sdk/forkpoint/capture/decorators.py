"""The decorators: a function becomes a recorded step of its kind, with its behaviour unchanged."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from typing import Any, ParamSpec, TypeVar, cast, overload

from forkpoint.capture.calls import Target
from forkpoint.capture.parts import Binder, Sorter
from forkpoint.capture.wrappers import Wrapped, wrapper
from forkpoint.errors import UsageError
from forkpoint.events.kinds import Effect, Kind

P = ParamSpec("P")
R = TypeVar("R")


class Decorator:
    """Records the calls of a function as steps of one kind.

    Used bare or with `name` (default: the function's) and `exclude`, names of arguments that must
    not be recorded because they cannot change the answer (clients, loggers).
    """

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    @overload
    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]: ...
    @overload
    def __call__(
        self, function: None = None, /, *, name: str | None = None, exclude: Collection[str] = ()
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
    def __call__(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        exclude: Collection[str] = (),
    ) -> Any:
        """Decorate a function, coroutine function or generator function."""
        return _decorate(self._kind, function, name=name, exclude=exclude)


class ToolDecorator:
    """Records the calls of a tool, with what the tool does to the world.

    `effect` is one of pure, read, idempotent_write, write, unknown; undeclared counts as a write.
    `version` is part of its signature. `intent` names the arguments that tell a repeated write from
    a new one.
    """

    @overload
    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]: ...
    @overload
    def __call__(
        self,
        function: None = None,
        /,
        *,
        effect: Effect | str | None = None,
        version: str | None = None,
        intent: Sequence[str] = (),
        name: str | None = None,
        exclude: Collection[str] = (),
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
    def __call__(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        effect: Effect | str | None = None,
        version: str | None = None,
        intent: Sequence[str] = (),
        name: str | None = None,
        exclude: Collection[str] = (),
    ) -> Any:
        """Decorate a function, coroutine function or generator function."""
        return _decorate(
            Kind.TOOL,
            function,
            name=name,
            exclude=exclude,
            effect=_effect(effect),
            version=version,
            intent=tuple(intent),
        )


model = Decorator(Kind.MODEL)
retriever = Decorator(Kind.RETRIEVER)
tool = ToolDecorator()
planner = Decorator(Kind.PLANNER)
validator = Decorator(Kind.VALIDATOR)
safety = Decorator(Kind.SAFETY)
agent = Decorator(Kind.AGENT)
step = Decorator(Kind.CUSTOM)


def _decorate(
    kind: Kind,
    function: Callable[..., Any] | None,
    *,
    name: str | None,
    exclude: Collection[str],
    effect: Effect | None = None,
    version: str | None = None,
    intent: tuple[str, ...] = (),
) -> Any:
    def decorate(inner: Callable[..., Any]) -> Callable[..., Any]:
        if isinstance(inner, staticmethod | classmethod):
            raise UsageError("put the decorator below @staticmethod and @classmethod")
        called = name or str(getattr(inner, "__name__", type(inner).__name__))
        target = Target(kind=kind, name=called, effect=effect, intent=intent)
        sorter = Sorter(kind, Binder(inner, exclude=exclude), version=version)
        wrapped = Wrapped(inner, target, sorter)
        return cast("Callable[..., Any]", functools.wraps(inner)(wrapper(wrapped)))

    return decorate if function is None else decorate(function)


def _effect(effect: Effect | str | None) -> Effect | None:
    if effect is None:
        return None
    try:
        return Effect(effect)
    except ValueError:
        raise UsageError(f"effect must be one of {', '.join(Effect)}, not {effect!r}") from None
