"""Waking workers through SAQ: a message says that a row is due, and is worth nothing else.

SAQ may lose a message or bring it twice; workers poll, and claim rows in Postgres.
"""

from __future__ import annotations

import redis.asyncio
from redis.exceptions import RedisError
from saq.queue.redis import RedisQueue

QUEUE = "forkpoint"
WAKE = "wake"
"""Name of the only function in the queue."""


class Waker:
    """Sends wake-ups; a Redis that is away costs nothing but time."""

    def __init__(self, url: str, *, name: str = QUEUE) -> None:
        # no time-out: an idle consumer sits in a blocking read
        self._client = redis.asyncio.Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
            url, socket_timeout=None
        )
        self.queue = RedisQueue(self._client, name=name)

    async def wake(self, job_id: int, attempt: int) -> bool:
        """Wake one worker for this attempt; False if it was woken already or Redis is away."""
        try:
            sent = await self.queue.enqueue(
                WAKE, key=f"job:{job_id}:{attempt}", timeout=10, retries=1
            )
        except (RedisError, OSError):
            return False
        return sent is not None

    async def close(self) -> None:
        """Let the connections go."""
        await self.queue.disconnect()
        await self._client.aclose()
