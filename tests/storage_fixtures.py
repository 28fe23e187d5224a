"""Fixtures of the storage rooms: an open database of the test's own, and a caller."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from forkpoint_server.db.engine import Database
from forkpoint_server.live.publish import Remembered
from forkpoint_server.security.principals import Principal, loopback_principal
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
