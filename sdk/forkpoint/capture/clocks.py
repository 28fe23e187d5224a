"""Clocks as user code reads them: `time`, `datetime.now`, and sleeping."""

from __future__ import annotations

import asyncio
import ctypes
import datetime as dates
import gc
import time
from collections.abc import Callable
from functools import partial
from time import time_ns
from typing import Any

from forkpoint.capture.drawing import drawing, dressed, nanoseconds
from forkpoint.capture.items import Drawn, Passed
from forkpoint.capture.strands import Frame
from forkpoint.capture.turns import take_turn, take_turn_async
from forkpoint.replay.draws import SLEEP
from forkpoint.replay.identity import sleeping
from forkpoint.replay.interception import Interceptor

_SECOND = 1_000_000_000
_DATETIME = dates.datetime
_SLEEP, _SLEEP_ASYNC = time.sleep, asyncio.sleep
_CLOCKS = ("time", "monotonic", "perf_counter")
_CALENDAR = ("localtime", "gmtime", "ctime")
_OK, _CANCELLED = "ok", "cancelled"


def patched_clocks() -> dict[tuple[Any, str], Any]:
    """What takes the place of functions and classes, by module and name."""
    found: dict[tuple[Any, str], Any] = {
        (time, "sleep"): dressed(_sleep, _SLEEP),
        (asyncio, "sleep"): dressed(_sleep_async, _SLEEP_ASYNC),
        (asyncio.tasks, "sleep"): _sleep_async,
        (time, "strftime"): _formatted(time.strftime),
    }
    for name in _CLOCKS:
        precise = getattr(time, f"{name}_ns")
        found[time, name] = _seconds(name, getattr(time, name), precise)
        found[time, f"{name}_ns"] = _nanoseconds(name, precise)
    for name in _CALENDAR:
        found[time, name] = _calendar(getattr(time, name))
    return found


def _seconds(source: str, stock: Callable[[], float], precise: Callable[[], int]) -> Any:
    def clock() -> float:
        frame = drawing()
        return stock() if frame is None else nanoseconds(frame, source, precise) / _SECOND

    return dressed(clock, stock)


def _nanoseconds(source: str, precise: Callable[[], int]) -> Any:
    def clock_ns() -> int:
        frame = drawing()
        return precise() if frame is None else nanoseconds(frame, source, precise)

    return dressed(clock_ns, precise)


def _calendar(stock: Callable[..., Any]) -> Any:
    def calendar(seconds: float | None = None, /) -> Any:
        frame = drawing() if seconds is None else None
        return stock(seconds) if frame is None else stock(_now_ns(frame) / _SECOND)

    return dressed(calendar, stock)


def _formatted(stock: Callable[..., str]) -> Any:
    localtime = time.localtime

    def strftime(format: str, *given: Any) -> str:
        frame = None if given else drawing()
        if frame is not None:
            given = (localtime(_now_ns(frame) / _SECOND),)
        return stock(format, *given)

    return dressed(strftime, stock)


def _now_ns(frame: Frame) -> int:
    return nanoseconds(frame, "time", time_ns)


def _moment(frame: Frame, zone: dates.tzinfo | None) -> dates.datetime:
    """`now` as the stock class gives it, to the microsecond."""
    seconds, rest = divmod(_now_ns(frame), _SECOND)
    return _DATETIME.fromtimestamp(seconds, zone).replace(microsecond=rest // 1000)


def _datetime_methods() -> dict[str, Any]:
    """`now` and `utcnow`; `today` reads `time.time` itself."""
    now, utcnow = _DATETIME.__dict__["now"], _DATETIME.__dict__["utcnow"]

    def our_now(cls: Any, tz: dates.tzinfo | None = None) -> dates.datetime:
        frame = drawing() if cls is _DATETIME else None
        return now.__get__(None, cls)(tz) if frame is None else _moment(frame, tz)

    def our_utcnow(cls: Any) -> dates.datetime:
        frame = drawing() if cls is _DATETIME else None
        if frame is None:
            return utcnow.__get__(None, cls)()
        return _moment(frame, dates.UTC).replace(tzinfo=None)

    return {
        "now": classmethod(dressed(our_now, now.__get__(None, _DATETIME))),
        "utcnow": classmethod(dressed(our_utcnow, utcnow.__get__(None, _DATETIME))),
    }


def patch_datetime() -> bool:
    """Put our methods into the class itself; whether this interpreter lets us.

    A subclass in its place would be seen by every library that looks at exact types, and pickling
    would no longer find the class under its name.
    """
    try:
        space = gc.get_referents(_DATETIME.__dict__)[0]
        methods = _datetime_methods()
        space.update(methods)
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(_DATETIME))
        return all(_DATETIME.__dict__.get(name) is method for name, method in methods.items())
    except (AttributeError, IndexError, TypeError):  # another interpreter than CPython
        return False


# Sleeping: in a replay it is over when its turn has come, without waiting; at `pace`, after a wait.


def _sleep(seconds: float, /) -> None:
    frame = drawing()
    if frame is None:
        return _SLEEP(seconds)
    interceptor = frame.run.interceptor
    number = frame.run.count_sleep(frame.scope.text)
    if interceptor is None:
        _SLEEP(seconds)
    else:
        _SLEEP(seconds * interceptor.pace)
        interceptor.draw(frame.scope.text, SLEEP, lambda _: _OK)
        point = sleeping(frame.scope.text, number)
        take_turn(interceptor, partial(interceptor.arrive_asleep, frame.scope.text, number), point)
    return _over(frame, number, _OK)


async def _sleep_async(delay: float, result: Any = None) -> Any:
    frame = drawing() if delay > 0 else None
    if frame is None:
        return await _SLEEP_ASYNC(delay, result)
    interceptor = frame.run.interceptor
    number = frame.run.count_sleep(frame.scope.text)
    try:
        if interceptor is None:
            await _SLEEP_ASYNC(delay)
        else:
            await _replayed_sleep(interceptor, frame, number, delay)
    except BaseException:
        _over(frame, number, _CANCELLED)
        raise
    _over(frame, number, _OK)
    return result


async def _replayed_sleep(
    interceptor: Interceptor, frame: Frame, number: int, delay: float
) -> None:
    scope = frame.scope.text
    await _SLEEP_ASYNC(delay * interceptor.pace)
    if interceptor.draw(scope, SLEEP, lambda _: _OK) == _CANCELLED:
        await asyncio.get_running_loop().create_future()
    arrive = partial(interceptor.arrive_asleep, scope, number)
    await take_turn_async(interceptor, arrive, sleeping(scope, number))


def _over(frame: Frame, number: int, how: str) -> None:
    run, scope, now = frame.run, frame.scope.text, time_ns()
    if run.over:
        return
    run.submit(Drawn(scope, SLEEP, how, now))
    if how == _OK:
        run.submit(Passed(sleeping(scope, number), now))
    if run.interceptor is not None:
        run.interceptor.awake(scope, number)
