"""The Forkpoint service for an example: the one that runs already, or one started for it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_EMBEDDED = (sys.executable, "-m", "forkpoint_server.embedded")
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A service that is ready."""

    url: str
    ours: bool
    """Whether we started it, and so have to end it."""


@contextmanager
def running(*, data: Path, port: int | None) -> Generator[Running]:
    """A service on `data`; one that we start ends with the block. Port 0: any free one."""
    words = ["--data", str(data)]
    before = _url(words)
    if before is not None:
        yield Running(url=before, ours=False)
        return
    chosen = [] if port is None else ["--port", str(port)]
    command = [*_EMBEDDED, "up", "--detach", *chosen, *words]
    started = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    url = _url(words)
    if started.returncode or url is None:
        print(started.stdout, file=sys.stderr)
        raise SystemExit(started.returncode or 2)
    try:
        yield Running(url=url, ours=True)
    finally:
        subprocess.run([*_EMBEDDED, "down", *words], check=False, stdout=subprocess.DEVNULL)


def wait_for_ctrl_c() -> None:
    """Return when somebody asks this process to end."""
    asked = threading.Event()

    def ask(_signal: int, _frame: object) -> None:
        asked.set()

    before = {one: signal.signal(one, ask) for one in _ENDINGS}
    try:
        # With a timeout, because a wait without one is not interrupted by a signal everywhere.
        while not asked.wait(1):
            pass
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _url(words: list[str]) -> str | None:
    asked = subprocess.run(
        [*_EMBEDDED, "status", "--json", *words], check=False, capture_output=True, text=True
    )
    if asked.returncode:
        return None
    found: dict[str, str] = json.loads(asked.stdout)
    return found["url"]
