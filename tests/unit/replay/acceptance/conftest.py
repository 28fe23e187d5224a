"""What the acceptance tests of replays share."""

from __future__ import annotations

from collections.abc import Iterator

import forkpoint
import pytest

from .agents import ran
from .stub import Stub, serving


@pytest.fixture(scope="session")
def instrumented() -> None:
    forkpoint.instrument("openai")


@pytest.fixture
def stub(instrumented: None) -> Iterator[Stub]:
    with serving() as stub:
        yield stub


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()
