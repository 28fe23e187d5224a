"""Waking up subscriptions: one pub/sub connection for the whole process, fanned out in memory.

Nobody queues messages: a topic has one `Signal` for each subscriber, which is either set or not, so
a slow subscriber costs nothing. When Redis is away, `Signal.wait` times out and its owner polls.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, cast

import redis.asyncio
import structlog
from redis.exceptions import RedisError

from forkpoint_server import telemetry

POLL_S = 2.0
"""Seconds after which a subscription looks by itself."""
_RECONNECT_S = 0.5
_CONTROL = "fp:control"

log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class Signal:
    """One subscriber's bell, and the bodies of the messages since it was last read."""

    _event: asyncio.Event = field(default_factory=asyncio.Event)
    _bodies: set[str] = field(default_factory=set[str])

    def ring(self, body: str) -> None:
        """Wake the subscriber; equal bodies are kept once."""
        self._bodies.add(body)
        self._event.set()

    async def wait(self, seconds: float = POLL_S) -> set[str]:
        """The bodies since the last call; empty after `seconds` without a message."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
            telemetry.wake_ups.labels(source="message").inc()
        except TimeoutError:
            telemetry.wake_ups.labels(source="poll").inc()
        return self.take()

    def take(self) -> set[str]:
        """The bodies since the last call, without waiting."""
        bodies, self._bodies = self._bodies, set()
        self._event.clear()
        return bodies


class Listener:
    """Owns the connection. `run` is a task of the application; without Redis it ends at once."""

    def __init__(self, client: redis.asyncio.Redis | None) -> None:
        self._client = client
        self._signals: dict[str, set[Signal]] = {}
        # the stubs of redis-py leave the type of PubSub's messages open
        self._pubsub: Any = None

    @property
    def is_connected(self) -> bool:
        """Whether messages can arrive now."""
        return self._pubsub is not None

    @contextlib.asynccontextmanager
    async def subscribed(self, topic: str, signal: Signal | None = None) -> AsyncGenerator[Signal]:
        """A bell for one topic; after entering, no later message of it is missed.

        One bell given for several topics rings for each of them.
        """
        signal = signal or Signal()
        listeners = self._signals.setdefault(topic, set())
        listeners.add(signal)
        try:
            if len(listeners) == 1:
                await self._tell("subscribe", topic)
            yield signal
        finally:
            listeners.discard(signal)
            if not listeners:
                self._signals.pop(topic, None)
                await self._tell("unsubscribe", topic)
                await self._keep(topic)

    async def run(self) -> None:
        """Read messages until cancelled, connecting again whenever the connection is lost."""
        while self._client:
            try:
                await self._read(self._client)
            except (RedisError, OSError) as error:
                log.warning("wake_ups_lost", error=type(error).__name__)
            self._pubsub = None
            await asyncio.sleep(_RECONNECT_S)

    async def _read(self, client: redis.asyncio.Redis) -> None:
        pubsub = cast("Any", client).pubsub(ignore_subscribe_messages=True)
        async with pubsub:
            await pubsub.subscribe(_CONTROL, *self._signals)
            self._pubsub = pubsub
            self._ring_all()
            while True:
                message = await pubsub.get_message(timeout=None)
                if message:
                    self._ring(_text(message["channel"]), _text(message["data"]))

    def _ring(self, topic: str, body: str) -> None:
        for signal in self._signals.get(topic, ()):
            signal.ring(body)

    def _ring_all(self) -> None:
        """Let everybody look once: messages may have been lost before this connection."""
        for listeners in self._signals.values():
            for signal in listeners:
                signal.ring("")

    async def _keep(self, topic: str) -> None:
        """Follow a topic that somebody began to follow while its last follower was leaving."""
        if topic in self._signals:
            await self._tell("subscribe", topic)
            self._ring(topic, "")

    async def _tell(self, command: str, topic: str) -> None:
        if self._pubsub is None:
            return
        try:
            await getattr(self._pubsub, command)(topic)
        except (RedisError, OSError) as error:
            log.warning("topic_not_followed", command=command, error=type(error).__name__)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
