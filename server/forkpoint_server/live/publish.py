"""Telling subscribers, after a commit, that there is something to read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import redis.asyncio
import structlog
from redis.exceptions import RedisError

from forkpoint_server.live.topics import project_topic, run_topic

_PATIENCE_S = 1.0
"""Seconds a committed batch waits for Redis before it is acknowledged all the same."""

log = structlog.get_logger()


class Publisher(Protocol):
    """Says what was committed. It never raises: polling finds what is lost."""

    async def published(self, run_id: str, first: int, last: int) -> None:
        """Wake whoever follows the run; `first` and `last` are the range that was committed."""
        ...

    async def published_all(self, ranges: Mapping[str, tuple[int, int]]) -> None:
        """As `published`, of several runs at once."""
        ...

    async def rang(self, *topics: str) -> None:
        """Wake whoever follows some topics."""
        ...


@dataclass(frozen=True, slots=True)
class Silent:
    """Tells nobody: for a service without Redis. Subscriptions poll."""

    async def published(self, run_id: str, first: int, last: int) -> None:
        """Do nothing."""

    async def published_all(self, ranges: Mapping[str, tuple[int, int]]) -> None:
        """Do nothing."""

    async def rang(self, *topics: str) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """Keeps what was published: the memory twin for tests."""

    messages: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])
    rung: list[str] = field(default_factory=list[str])

    async def published(self, run_id: str, first: int, last: int) -> None:
        """Append the message."""
        self.messages.append((run_id, first, last))

    async def published_all(self, ranges: Mapping[str, tuple[int, int]]) -> None:
        """Append the messages."""
        self.messages.extend((run_id, *ends) for run_id, ends in ranges.items())

    async def rang(self, *topics: str) -> None:
        """Append the topics."""
        self.rung.extend(topics)


@dataclass(frozen=True, slots=True)
class RedisPublisher:
    """Publishes to the topic of the run and to that of one project, in one round trip."""

    client: redis.asyncio.Redis
    project_id: int

    async def published(self, run_id: str, first: int, last: int) -> None:
        """Send both messages; a Redis that is away is logged and left to polling."""
        await self.published_all({run_id: (first, last)})

    async def published_all(self, ranges: Mapping[str, tuple[int, int]]) -> None:
        """As `published`, in one round trip for all."""
        if ranges:
            runs = [(run_topic(run), f"{first}:{last}") for run, (first, last) in ranges.items()]
            await self._send([*runs, *((project_topic(self.project_id), run) for run in ranges)])

    async def rang(self, *topics: str) -> None:
        """Send an empty message to each topic."""
        await self._send([(topic, "") for topic in topics])

    async def _send(self, messages: Sequence[tuple[str, str]]) -> None:
        try:
            async with (
                asyncio.timeout(_PATIENCE_S),
                # the stubs of redis-py leave the arguments of publish open
                cast("Any", self.client).pipeline(transaction=False) as pipe,
            ):
                for topic, body in messages:
                    pipe.publish(topic, body)
                await pipe.execute()
        except (RedisError, OSError) as error:
            topics = [topic for topic, _ in messages]
            log.warning("wake_up_lost", topics=topics, error=type(error).__name__)


def publisher_for(client: redis.asyncio.Redis | None, project_id: int) -> Publisher:
    """The publisher of one project; silent without Redis."""
    return RedisPublisher(client, project_id) if client else Silent()
