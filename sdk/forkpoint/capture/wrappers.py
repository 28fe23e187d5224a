"""Wrappers: what stands in the place of a decorated function, one for each colour of function."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

from forkpoint.capture import process, streams
from forkpoint.capture.beginning import begin
from forkpoint.capture.calls import Call, Target, refuse
from forkpoint.capture.failures import rebuild
from forkpoint.capture.parts import Sorter
from forkpoint.capture.revival import revived
from forkpoint.capture.spawn import follow_loop
from forkpoint.capture.strands import Frame, current, site
from forkpoint.errors import UsageError
from forkpoint.replay.interception import Outcome

_PLAIN = frozenset((dict, str, list, tuple, int, float, bool, NoneType))
"""Types that are surely no generator."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A decorated function and what is known of its calls."""

    function: Callable[..., Any]
    target: Target
    sorter: Sorter

    @property
    def site(self) -> str:
        """Where the function itself stands, for calls that tasks and threads make."""
        name = getattr(self.function, "__qualname__", self.target.name)
        return f"{self.function.__module__}:{name}"

    def open(self, frame: Frame, args: Sequence[object], kwargs: dict[str, object]) -> Call | None:
        """Begin a call of it; two Python frames below the caller."""
        try:
            parts = self.sorter.parts(args, kwargs)
        except Exception as error:  # an argument whose own attributes raise
            frame.run.recorder.counters.add("internal_errors")
            refuse(frame.run, error)
            return None
        model = parts.get("model")
        return begin(
            frame,
            self.target,
            parts,
            site=site(2) or self.site,
            model=model if isinstance(model, str) else None,
        )

    def edited(
        self, call: Call, args: Sequence[object], kwargs: dict[str, object]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments the body is to get: the caller's, unless the replay edits the input."""
        if not call.edited:
            return tuple(args), kwargs
        return self.sorter.rebind(args, kwargs, call.edited)


def wrapper(wrapped: Wrapped) -> Callable[..., Any]:
    """A function that records the calls of another, of the same colour as that."""
    if inspect.isasyncgenfunction(wrapped.function):
        return _async_generator(wrapped)
    if inspect.iscoroutinefunction(wrapped.function):
        return _coroutine(wrapped)
    if inspect.isgeneratorfunction(wrapped.function):
        return _generator(wrapped)
    return _function(wrapped)


def _function(wrapped: Wrapped) -> Callable[..., Any]:
    function = wrapped.function

    def call_function(*args: Any, **kwargs: Any) -> Any:
        frame = current.get()
        if frame is None or frame.run.over:
            process.outside()
            return function(*args, **kwargs)
        call = wrapped.open(frame, args, kwargs)
        if call is None:
            return function(*args, **kwargs)
        if call.served is not None:
            return _hand_over(wrapped, call)
        args, kwargs = wrapped.edited(call, args, kwargs)
        token = current.set(call)
        try:
            result = (call.instead or function)(*args, **kwargs)
        except BaseException as error:
            call.fail(error)
            raise
        finally:
            current.reset(token)
        return _kept(call, result)

    return call_function


def _coroutine(wrapped: Wrapped) -> Callable[..., Any]:
    function = wrapped.function

    async def call_coroutine(*args: Any, **kwargs: Any) -> Any:
        frame = current.get()
        if frame is None or frame.run.over:
            process.outside()
            return await function(*args, **kwargs)
        follow_loop()
        call = wrapped.open(frame, args, kwargs)
        if call is None:
            return await function(*args, **kwargs)
        if call.served is not None:
            return await _hand_over_async(wrapped, call)
        args, kwargs = wrapped.edited(call, args, kwargs)
        token = current.set(call)
        try:
            result = await _awaited(call.instead or function, args, kwargs)
        except BaseException as error:
            call.fail(error)
            raise
        finally:
            current.reset(token)
        return _kept(call, result)

    return call_coroutine


def _generator(wrapped: Wrapped) -> Callable[..., Any]:
    function = wrapped.function

    def call_generator(*args: Any, **kwargs: Any) -> Generator[object, object, object]:
        frame = current.get()
        if frame is None or frame.run.over:
            process.outside()
            return function(*args, **kwargs)
        call = wrapped.open(frame, args, kwargs)
        if call is None:
            return function(*args, **kwargs)
        if call.served is not None:
            return streams.served(call.served, call)
        args, kwargs = wrapped.edited(call, args, kwargs)
        return streams.recorded((call.instead or function)(*args, **kwargs), call)

    return call_generator


def _async_generator(wrapped: Wrapped) -> Callable[..., Any]:
    function = wrapped.function

    def call_async_generator(*args: Any, **kwargs: Any) -> AsyncGenerator[object, object]:
        frame = current.get()
        if frame is None or frame.run.over:
            process.outside()
            return function(*args, **kwargs)
        call = wrapped.open(frame, args, kwargs)
        if call is None:
            return function(*args, **kwargs)
        if call.served is not None:
            return streams.served_async(call.served, call)
        args, kwargs = wrapped.edited(call, args, kwargs)
        return streams.recorded_async((call.instead or function)(*args, **kwargs), call)

    return call_async_generator


async def _awaited(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The result of a function that an edit may have put in place, of either colour."""
    result = function(*args, **kwargs)
    return await result if inspect.isawaitable(result) else result


def _kept(call: Call, result: Any) -> Any:
    """Record what a call returned; a generator is recorded while it is consumed."""
    if type(result) in _PLAIN:
        call.finish(result)
        return result
    if streams.is_generator(result):
        return streams.recorded(result, call)
    if streams.is_async_generator(result):
        return streams.recorded_async(result, call)
    call.finish(result)
    return result


def _hand_over(wrapped: Wrapped, call: Call) -> object:
    """What a served call gives its caller: the recorded value, or the recorded error."""
    outcome = call.served
    if outcome is None:
        raise UsageError("the call was not served")
    if outcome.chunks is not None:
        return streams.served(outcome, call)
    call.take_turn()
    return _handed(wrapped, call, outcome)


async def _hand_over_async(wrapped: Wrapped, call: Call) -> object:
    outcome = call.served
    if outcome is None:
        raise UsageError("the call was not served")
    if outcome.status == "cancelled":
        await _until_cancelled(call)
    if outcome.chunks is not None:
        return streams.served_async(outcome, call)
    await call.take_turn_async()
    return _handed(wrapped, call, outcome)


def _handed(wrapped: Wrapped, call: Call, outcome: Outcome) -> object:
    call.repeat(outcome)
    if outcome.error is not None:
        raise rebuild(outcome.error)
    return revived(outcome.output, wrapped.function)


async def _until_cancelled(call: Call) -> None:
    """A call that was cancelled when recorded waits until it is cancelled again."""
    try:
        await asyncio.get_running_loop().create_future()
    except BaseException as error:
        call.fail(error)
        raise
