"""Recording into a service from a test, and leaving the process as it was."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from forkpoint.capture import process
from forkpoint.settings import Settings


@contextmanager
def recording_into(url: str, *, data: Path) -> Generator[None]:
    """Send the runs of this block to the service at `url`; the recorder before it goes on after.

    `forkpoint.init` sets the whole process up and has no way back: a test that calls it decides for
    all tests that come later in its process.
    """
    with process.configured(Settings.from_environment(os.environ, url=url, data=data)):
        yield
