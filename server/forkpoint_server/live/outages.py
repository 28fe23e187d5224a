"""Seeing a database through its absence: a subscription that is open stays open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from forkpoint_server.errors import Overloaded

AGAIN_S = 1.0
"""Seconds between two looks while the database is away or too busy."""

T = TypeVar("T")
log = structlog.get_logger()


async def outlast(look: Callable[[], Awaitable[T]], *, again_s: float = AGAIN_S) -> T:
    """What a look finds, repeated until the database answers.

    For later looks of a subscription: the first one raises `Overloaded`, so that whoever asks while
    nobody answers is told so.
    """
    while True:
        try:
            return await look()
        except Overloaded as error:
            log.info("look_postponed", reason=error.message)
        await asyncio.sleep(again_s)
