"""Settling: when a task or future tells those who wait for it. Its order is recorded and kept.

`as_completed` and `wait` of the standard library take what is done already in the order of a set,
which changes from process to process; in a run they take it in the order in which it settled.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from concurrent import futures
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from time import monotonic, time_ns
from typing import Any, cast

from forkpoint.capture.items import Passed
from forkpoint.capture.rebinding import called_by_user
from forkpoint.capture.strands import Frame, current
from forkpoint.capture.turns import take_turn, take_turn_async

_ranks = count()
_lock = threading.Lock()
_RANK, _BOXES = "__forkpoint_rank__", "__forkpoint_boxes__"
_stock_wait = futures.wait
_stock_as_completed = asyncio.as_completed
_stock_wait_async = asyncio.wait


def settled(frame: Frame) -> None:
    """A strand is over and whoever waits for it was told."""
    run = frame.run
    if run.over:
        return
    run.submit(Passed(frame.scope.strand, time_ns()))
    if run.interceptor is not None:
        run.interceptor.settled(frame.scope.strand)


def wait_to_settle(frame: Frame) -> None:
    """In a replay: wait until this strand may tell that it is over."""
    interceptor = frame.run.interceptor
    if interceptor is not None and not frame.run.over:
        strand = frame.scope.strand
        take_turn(interceptor, partial(interceptor.arrive_settled, strand), strand)


def follow_task(task: asyncio.Future[Any], frame: Frame) -> None:
    """Note when a task settles; in a replay the next may go then."""

    def over(task: asyncio.Future[Any]) -> None:
        setattr(task, _RANK, next(_ranks))
        settled(frame)  # the other callbacks are in the loop's queue already

    task.add_done_callback(over)


def follow_future(future: futures.Future[Any], frame: Frame, armed: threading.Event) -> None:
    """As `follow_task`, for work given to an executor."""
    tell = cast("Any", future)._invoke_callbacks
    setattr(future, _BOXES, [])

    def invoke_callbacks() -> None:
        with _lock:
            setattr(future, _RANK, next(_ranks))
            if frame.run.interceptor is None:
                settled(frame)
            for box in getattr(future, _BOXES):
                box.put(future)
        tell()
        if frame.run.interceptor is not None:
            settled(frame)

    cast("Any", future)._invoke_callbacks = invoke_callbacks
    if future.done() and not hasattr(future, _RANK):
        with _lock:
            setattr(future, _RANK, next(_ranks))
        settled(frame)
    armed.set()


class InTurn(Coroutine[Any, Any, Any]):
    """A coroutine that waits for its turn to settle before it gives its result."""

    def __init__(self, inner: Any, frame: Frame) -> None:
        self.__name__ = getattr(inner, "__name__", type(inner).__name__)
        self.__qualname__ = getattr(inner, "__qualname__", self.__name__)
        self._inner = inner
        self._frame = frame
        self._turn: Generator[Any, Any, None] | None = None
        self._end: StopIteration | Exception | None = None

    def send(self, value: Any) -> Any:
        """Go on with the body; after its end, with the wait."""
        return self._step(self._inner.send, value)

    def throw(self, *error: Any) -> Any:
        """As `send`, with an exception."""
        return self._step(self._inner.throw, *error)

    def close(self) -> None:
        """Close the body."""
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        """Run to the end."""
        value = None
        while True:
            try:
                value = yield self.send(value)
            except StopIteration as end:
                return end.value

    def _step(self, go: Callable[..., Any], *given: Any) -> Any:
        if self._turn is None:
            try:
                return go(*given)
            except (StopIteration, Exception) as end:
                if self._frame.run.over or isinstance(end, asyncio.CancelledError):
                    raise
                self._end = end
                self._turn = _turn(self._frame).__await__()
                given = (None,)
        turn = self._turn
        try:
            return turn.throw(*given) if isinstance(given[0], BaseException) else turn.send(None)
        except StopIteration:
            end = self._end
            if isinstance(end, StopIteration):
                raise StopIteration(end.value) from None
            raise cast("Exception", end) from None


async def _turn(frame: Frame) -> None:
    interceptor, strand = frame.run.interceptor, frame.scope.strand
    if interceptor is not None:
        await take_turn_async(interceptor, partial(interceptor.arrive_settled, strand), strand)


# What takes the place of the standard library's functions; each does as before outside a run.


def as_completed(fs: Iterable[futures.Future[Any]], timeout: float | None = None) -> Iterator[Any]:
    """`concurrent.futures.as_completed`, in the order of settling."""
    listed = list(dict.fromkeys(fs))
    return _as_settled(listed, timeout)


def _as_settled(
    listed: Sequence[futures.Future[Any]], timeout: float | None
) -> Generator[futures.Future[Any], None, None]:
    until = None if timeout is None else monotonic() + timeout
    box: SimpleQueue[futures.Future[Any]] = SimpleQueue()
    for one in _subscribed(listed, box):
        box.put(one)
    for left in range(len(listed), 0, -1):
        try:
            wait_s = None if until is None else max(0.0, until - monotonic())
            yield box.get(timeout=wait_s) if wait_s != 0 else box.get_nowait()
        except Empty:
            said = f"{left} (of {len(listed)}) futures unfinished"
            raise TimeoutError(said) from None


def _subscribed(
    listed: Sequence[futures.Future[Any]], box: SimpleQueue[futures.Future[Any]]
) -> list[futures.Future[Any]]:
    """Those that are done, in order; the others will be put in the box as they settle."""
    done: list[futures.Future[Any]] = []
    with _lock:
        for one in listed:
            if hasattr(one, _RANK):
                done.append(one)
            elif hasattr(one, _BOXES):
                getattr(one, _BOXES).append(box)
    for one in listed:
        if one not in done and not hasattr(one, _BOXES):
            one.add_done_callback(box.put)
    return sorted(done, key=_rank)


def wait(
    fs: Iterable[futures.Future[Any]],
    timeout: float | None = None,
    return_when: str = futures.ALL_COMPLETED,
    *,
    single: bool = True,
) -> Any:
    """`concurrent.futures.wait`: done ones in the order of settling, of `FIRST_COMPLETED` one."""
    listed = list(dict.fromkeys(fs))
    done: list[futures.Future[Any]] = []
    try:
        for one in _as_settled(listed, timeout):
            done.append(one)
            if _is_enough(one, return_when):
                break
    except TimeoutError:
        pass
    if not single:
        also = [one for one in listed if one not in done and one.done()]
        done += sorted(also, key=_rank)
    return futures._base.DoneAndNotDoneFutures(  # pyright: ignore
        cast("Any", Settled(done)), cast("Any", Settled(one for one in listed if one not in done))
    )


async def wait_async(
    fs: Iterable[asyncio.Future[Any]],
    *,
    timeout: float | None = None,
    return_when: str = asyncio.ALL_COMPLETED,
    single: bool = True,
) -> tuple[set[asyncio.Future[Any]], set[asyncio.Future[Any]]]:
    """`asyncio.wait`, likewise."""
    listed = list(dict.fromkeys(fs))
    found, _ = await _stock_wait_async(
        listed, timeout=timeout, return_when=cast("Any", return_when)
    )
    done = sorted(found, key=_rank)
    for number, one in enumerate(done if single else ()):
        if _is_enough(one, return_when):
            done = done[: number + 1]
            break
    return Settled(done), Settled(one for one in listed if one not in done)


def as_completed_async(fs: Iterable[Any], **options: Any) -> Any:
    """`asyncio.as_completed`: tasks are made in the order of the arguments, done ones come first
    in the order of settling."""
    listed = [asyncio.ensure_future(one) for one in fs]
    done = sorted((one for one in listed if one.done()), key=_rank)
    others = [one for one in listed if not one.done()]
    if not done:
        return _stock_as_completed(others, **options)
    return _Completed(done, _stock_as_completed(others, **options))


class _Completed:
    """Tasks that are done, and then what the stock function gives; in both its forms."""

    def __init__(self, done: Sequence[asyncio.Future[Any]], others: Any) -> None:
        self._done = iter(done)
        self._others = others

    def __iter__(self) -> Iterator[Awaitable[Any]]:
        yield from self._done
        yield from self._others

    async def __aiter__(self) -> AsyncIterator[Any]:
        for one in self._done:
            yield one
        async for one in self._others:
            yield one


class Settled(set[Any]):
    """A set that is walked and emptied in the order it was filled."""

    def __init__(self, items: Iterable[Any] = ()) -> None:
        self._order = dict.fromkeys(items)
        super().__init__(self._order)

    def __iter__(self) -> Iterator[Any]:
        """In order; what was put in by an operator comes last."""
        known = [one for one in self._order if one in self]
        return iter([*known, *(one for one in super().__iter__() if one not in self._order)])

    def add(self, element: Any) -> None:
        """Put in as the last."""
        self._order.setdefault(element)
        super().add(element)

    def pop(self) -> Any:
        """The first."""
        for one in self:
            self.discard(one)
            return one
        raise KeyError("pop from an empty set")


def in_run(stock: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    """Ours inside a run, else the stock function."""

    def choose(*args: Any, **kwargs: Any) -> Any:
        return stock(*args, **kwargs) if current.get() is None else ours(*args, **kwargs)

    choose.__name__ = choose.__qualname__ = getattr(stock, "__name__", "choose")
    choose.__doc__, choose.__module__ = stock.__doc__, stock.__module__
    return choose


def in_run_by_caller(stock: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    """As `in_run`; libraries get all that is done, in order, as they may count on."""

    def choose(*args: Any, **kwargs: Any) -> Any:
        if current.get() is None:
            return stock(*args, **kwargs)
        single = called_by_user(1)
        return ours(*args, **kwargs, single=single)

    choose.__name__ = choose.__qualname__ = getattr(stock, "__name__", "choose")
    choose.__doc__, choose.__module__ = stock.__doc__, stock.__module__
    return choose


def _rank(one: Any) -> float:
    return getattr(one, _RANK, float("inf"))


def _is_enough(one: Any, return_when: str) -> bool:
    if return_when == futures.FIRST_COMPLETED:
        return True
    failed = not one.cancelled() and one.exception() is not None
    return return_when == futures.FIRST_EXCEPTION and failed
