"""A service and a worker on one database, and what tests of replays ask them."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import redis.asyncio
from forkpoint_server.artifacts.directory import DirectoryBlobs
from forkpoint_server.db.engine import Database
from forkpoint_server.live.publish import publisher_for
from forkpoint_worker.loop import Worker
from forkpoint_worker.work import Services
from serving import service as service
from stack import Database as Scratch


@pytest.fixture
async def worker(database: Scratch, tmp_path: Path) -> AsyncIterator[Worker]:
    """A worker that runs when it is told to."""
    opened = Database(database.url("worker"), pool_size=8)
    client = redis.asyncio.Redis.from_url(database.redis_url)
    services = Services(
        database=opened,
        blobs=DirectoryBlobs(tmp_path / "blobs"),
        publisher=partial(publisher_for, client),
        clock=time.time_ns,
    )
    yield Worker(services, owner="test", luck=random.Random(1))
    await client.aclose()
    await opened.close()
