"""A server on loopback that answers as recorded, and a recorder in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from forkpoint.testing.memory import Recorded, recorded
from provider import CASSETTES, Provider, Reply, provider

__all__ = ["CASSETTES", "Program", "Provider", "Reply", "memory", "provider"]


@pytest.fixture
def memory() -> Iterator[Recorded]:
    with recorded() as kept:
        yield kept


Program = Callable[[], object]
