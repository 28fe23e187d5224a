"""Listening for wake-ups through SAQ: each sets one event and is done."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from signal import Signals
from typing import Any

import saq
from forkpoint_server.jobs.wake import WAKE, Waker


class _Listener(saq.Worker[Any]):
    """SAQ's worker without its signal handlers: the process has its own."""

    SIGNALS: list[Signals] = []


@asynccontextmanager
async def listening(waker: Waker, woken: asyncio.Event) -> AsyncGenerator[None]:
    """Set `woken` for every message as long as the block runs."""

    async def wake(_context: object) -> None:
        woken.set()

    listener = _Listener(waker.queue, functions=[(WAKE, wake)], concurrency=1)
    task = asyncio.create_task(listener.start())
    try:
        yield
    finally:
        await listener.stop()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
