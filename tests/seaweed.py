"""One SeaweedFS for a whole pytest session, however many processes that has.

`join(directory)` gives the store of the session and starts it if nobody has. Everyone who uses it
holds a shared lock on one file. The keeper (`seaweed_keeper.py`, a program) starts the server and
waits for the exclusive lock, which it gets when the last user has ended in whatever way; then it
stops the server.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

BUCKET = "forkpoint"
START_SECONDS = 40
_KEEPER = Path(__file__).with_name("seaweed_keeper.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3:
    """An S3 store and the keys to it; use a key prefix of your own."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str

    def environment(self) -> dict[str, str]:
        """The settings of a Forkpoint process that keeps its blobs there."""
        return {
            "FORKPOINT_S3_ENDPOINT": self.endpoint,
            "FORKPOINT_S3_BUCKET": self.bucket,
            "FORKPOINT_S3_ACCESS_KEY": self.access_key,
            "FORKPOINT_S3_SECRET_KEY": self.secret_key,
        }


@contextlib.contextmanager
def join(directory: Path) -> Generator[S3]:
    """The store of this session, as long as the block runs."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "users").open("a") as users:
        with (directory / "door").open("a") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)  # waits for a keeper that is stopping its server
            state = directory / "s3.json"
            if not state.exists():
                _start_keeper(directory, state)
            store = S3(**json.loads(state.read_text()))
        yield store


def _start_keeper(directory: Path, state: Path) -> None:
    keys = [secrets.token_hex(8), secrets.token_hex(16)]
    with (directory / "keeper.log").open("ab") as log:
        keeper = subprocess.Popen(
            [sys.executable, str(_KEEPER), str(directory), *keys],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    end = time.monotonic() + START_SECONDS
    while not state.exists():
        if keeper.poll() is not None or time.monotonic() > end:
            tail = (directory / "keeper.log").read_text(errors="replace")[-3000:]
            raise RuntimeError(f"SeaweedFS did not start:\n{tail}")
        time.sleep(0.02)
    keeper.returncode = 0  # it outlives us on purpose: no "still running" warning
