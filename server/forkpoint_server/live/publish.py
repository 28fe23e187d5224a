"""Telling subscribers, after a commit, that there is something to read."""

from __future__ import annotations

import asyncio
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
    """Says that events of a run were committed. It never raises: polling finds what is lost."""

    async def published(self, run_id: str, first: int, last: int) -> None:
        """Wake whoever follows the run; `first` and `last` are the range that was committed."""
        ...


@dataclass(frozen=True, slots=True)
class Silent:
    """Tells nobody: for a service without Redis. Subscriptions poll."""

    async def published(self, run_id: str, first: int, last: int) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """Keeps what was published: the memory twin for tests."""

    messages: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])

    async def published(self, run_id: str, first: int, last: int) -> None:
        """Append the message."""
        self.messages.append((run_id, first, last))


@dataclass(frozen=True, slots=True)
class RedisPublisher:
    """Publishes to the topic of the run and to that of one project, in one round trip."""

    client: redis.asyncio.Redis
    project_id: int

    async def published(self, run_id: str, first: int, last: int) -> None:
        """Send both messages; a Redis that is away is logged and left to polling."""
        try:
            async with (
                asyncio.timeout(_PATIENCE_S),
                # the stubs of redis-py leave the arguments of publish open
                cast("Any", self.client).pipeline(transaction=False) as pipe,
            ):
                pipe.publish(run_topic(run_id), f"{first}:{last}")
                pipe.publish(project_topic(self.project_id), run_id)
                await pipe.execute()
        except (RedisError, OSError) as error:
            log.warning("wake_up_lost", run_id=run_id, error=type(error).__name__)


def publisher_for(client: redis.asyncio.Redis | None, project_id: int) -> Publisher:
    """The publisher of one project; silent without Redis."""
    return RedisPublisher(client, project_id) if client else Silent()
