"""Turns: a served answer is handed over in the order in which the recorded calls finished.

The interceptor knows the order and never waits; this does. Where nothing moves for too long, the
first that waits goes out of turn, and the replay says that its order is not proven.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from forkpoint.capture.strands import running_loop
from forkpoint.replay.interception import Interceptor

stock_wait, stock_sleep, stock_sleep_async = asyncio.wait, time.sleep, asyncio.sleep
"""As they were before anything was patched."""


Arrive = Callable[[Callable[[], None]], bool]
"""Whether one may go; if not, its argument is called when to ask again."""


def take_turn(interceptor: Interceptor, arrive: Arrive, at: str) -> None:
    """Wait, in a thread of its own, until it is the turn of the point `at`.

    On the thread of a running event loop it does not: whom it would wait for may need that loop.
    """
    if running_loop() is not None:
        return
    woken = _Woken()
    if arrive(woken.set):
        return
    patience = _Patience(interceptor)
    while True:
        if not woken.wait(interceptor.stall_s) and patience.is_over():
            interceptor.release(at)
        if arrive(woken.set):
            return


class _Woken:
    """A `threading.Event` that clears itself: nearly all calls make one and never wait for it."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        """Wake who waits, now or later; a second time before that counts no more."""
        with suppress(RuntimeError):
            self._lock.release()

    def wait(self, seconds: float) -> bool:
        """Wait until it is set; False if the time was too short."""
        return self._lock.acquire(timeout=seconds)


async def take_turn_async(interceptor: Interceptor, arrive: Arrive, at: str) -> None:
    """Wait, without holding up the event loop, until it is the turn of the point `at`."""
    loop = asyncio.get_running_loop()
    patience: _Patience | None = None
    while True:
        turn: asyncio.Future[None] = loop.create_future()
        if arrive(_Wake(loop, turn)):
            return
        patience = patience or _Patience(interceptor)
        done, _ = await stock_wait({turn}, timeout=interceptor.stall_s)
        if not done and patience.is_over():
            interceptor.release(at)


class _Patience:
    """Tells a replay that stands still from one that only takes its time."""

    def __init__(self, interceptor: Interceptor) -> None:
        self._interceptor = interceptor
        self._moves = interceptor.moves
        self._until = monotonic() + interceptor.max_wait_s

    def is_over(self) -> bool:
        """Whether nothing moved since this was last asked, or it has taken too long."""
        before, self._moves = self._moves, self._interceptor.moves
        return before == self._moves or monotonic() >= self._until


class _Wake:
    """Sets a future from any thread; one that was given up is left alone."""

    def __init__(self, loop: asyncio.AbstractEventLoop, turn: asyncio.Future[None]) -> None:
        self._loop = loop
        self._turn = turn

    def __call__(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._set)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    def _set(self) -> None:
        if not self._turn.done():
            self._turn.set_result(None)
