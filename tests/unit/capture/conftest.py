"""A recorder in memory for every test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from forkpoint.testing.memory import Recorded, recorded


@pytest.fixture
def memory() -> Iterator[Recorded]:
    with recorded() as kept:
        yield kept
