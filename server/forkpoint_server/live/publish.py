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
_REST_S = 5.0
"""Seconds after such a wait in which no other batch waits: subscriptions poll."""

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


@dataclass(slots=True)
class Rest:
    """When Redis may be asked again: one that did not answer must not slow the next batches."""

    _until_s: float = 0.0

    def is_over(self, now_s: float) -> bool:
        """Whether to try; both on one monotonic clock."""
        return now_s >= self._until_s

    def begin(self, now_s: float) -> None:
        """Try no more for a while."""
        self._until_s = now_s + _REST_S


@dataclass(frozen=True, slots=True)
class RedisPublisher:
    """Publishes to the topic of the run and to that of one project, in one round trip."""

    client: redis.asyncio.Redis
    project_id: int
    rest: Rest = field(default_factory=Rest)

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
        now = asyncio.get_running_loop().time
        if not self.rest.is_over(now()):
            return
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
            if isinstance(error, TimeoutError):
                self.rest.begin(now())
            topics = [topic for topic, _ in messages]
            log.warning("wake_up_lost", topics=topics, error=type(error).__name__)


def publisher_for(
    client: redis.asyncio.Redis | None, project_id: int, rest: Rest | None = None
) -> Publisher:
    """The publisher of one project; silent without Redis. Give all of a process one `rest`."""
    return RedisPublisher(client, project_id, rest or Rest()) if client else Silent()
