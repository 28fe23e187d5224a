"""Fixtures of the storage rooms: an open database of the test's own, callers, a worker."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator

import pytest
from forkpoint_server.artifacts.memory import MemoryBlobs
from forkpoint_server.db.engine import Database
from forkpoint_server.live.publish import Remembered
from forkpoint_server.security.principals import Principal, loopback_principal
from forkpoint_worker.loop import Worker
from forkpoint_worker.work import Services
from stack import Database as Scratch


@pytest.fixture
async def open_database(database: Scratch) -> AsyncIterator[Database]:
    """The database of the module as the API sees it, under row level security."""
    opened = Database(database.url("api"), pool_size=4)
    yield opened
    await opened.close()


@pytest.fixture
def principal() -> Principal:
    return loopback_principal()


@pytest.fixture
def live() -> Remembered:
    return Remembered()


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
async def services(
    database: Scratch, live: Remembered, blobs: MemoryBlobs
) -> AsyncIterator[Services]:
    """What a worker has, in its own role."""
    opened = Database(database.url("worker"), pool_size=4)
    yield Services(database=opened, blobs=blobs, publisher=lambda _: live, clock=time.time_ns)
    await opened.close()


@pytest.fixture
def worker(services: Services) -> Worker:
    return Worker(services, owner="test", luck=random.Random(1))
