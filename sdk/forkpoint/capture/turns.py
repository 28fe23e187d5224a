"""Waiting one's turn: served calls hand over their answers in the recorded order of completion.

The engine says whose turn it is and never waits itself; these two do, on a loop or in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from time import monotonic
from typing import Protocol, runtime_checkable

from forkpoint.capture.interception import CallView


@runtime_checkable
class Ordered(Protocol):
    """An interceptor that knows the recorded order of completion."""

    @property
    def stall_s(self) -> float:
        """How long nothing may move before somebody goes out of turn."""
        ...

    @property
    def max_wait_s(self) -> float:
        """How long an answer waits at most, while other things move."""
        ...

    @property
    def moves(self) -> int:
        """Grows whenever anything moves."""
        ...

    def arrive(self, call: CallView, wake: Callable[[], None]) -> bool:
        """Whether the answer may go now; else `wake` is called, from any thread, to ask again."""
        ...

    def release(self, call: CallView) -> None:
        """Let the first of those that wait go out of turn."""
        ...


async def turn(order: Ordered, call: CallView) -> None:
    """Wait on the running loop until the answer of a served call may be handed over."""
    loop = asyncio.get_running_loop()
    moved = asyncio.Event()
    deadline = monotonic() + order.max_wait_s

    def wake() -> None:
        with contextlib.suppress(RuntimeError):  # its loop is closed: nobody waits there any more
            loop.call_soon_threadsafe(moved.set)

    while not order.arrive(call, wake):
        before = order.moves
        try:
            async with asyncio.timeout(order.stall_s):
                await moved.wait()
        except TimeoutError:
            if order.moves == before or monotonic() > deadline:
                order.release(call)
        moved.clear()


def turn_in_thread(order: Ordered, call: CallView) -> None:
    """As `turn`, blocking this thread, which must not run an event loop."""
    moved = threading.Event()
    deadline = monotonic() + order.max_wait_s
    while not order.arrive(call, moved.set):
        before = order.moves
        stalled = not moved.wait(order.stall_s)
        if stalled and (order.moves == before or monotonic() > deadline):
            order.release(call)
        moved.clear()
