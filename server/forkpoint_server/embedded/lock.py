"""One supervisor for one data directory, also across a kill -9."""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass
from typing import TextIO

from forkpoint_server.embedded.errors import DirectoryInUse, EmbeddedError
from forkpoint_server.embedded.paths import DataLayout
from forkpoint_server.embedded.processes import (
    ProcessMark,
    ask_leftovers,
    mark_of,
    parse_mark,
    stop_leftovers,
)


@dataclass(frozen=True, slots=True)
class DirectoryLock:
    """Held by the supervisor and, by inheritance, by its database servers.

    It falls free when the last of them is gone. So a start after kill -9 waits for the old servers
    instead of racing them: an old Valkey unlinks its socket path as it exits, and by then that path
    would be the socket of the new one.
    """

    file: TextIO

    def descriptor(self) -> int:
        """What the servers inherit."""
        return self.file.fileno()

    def release(self) -> None:
        """Let go of our share."""
        self.file.seek(0)
        self.file.truncate()
        self.file.close()


def take_directory(layout: DataLayout, *, wait_seconds: float = 60) -> DirectoryLock:
    """Lock the directory; waits for orphaned servers, never for a living supervisor."""
    file = layout.lock.open("a+")
    try:
        _outlast_orphans(layout, file, wait_seconds=wait_seconds)
        stop_leftovers(layout.pids, seconds=wait_seconds)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    file.truncate()
    file.write(mark_of(os.getpid()).text())
    file.flush()
    return DirectoryLock(file)


def _outlast_orphans(layout: DataLayout, file: TextIO, *, wait_seconds: float) -> None:
    """Take the lock when the last server of a killed supervisor has ended.

    They are asked once and never killed: a Postgres that writes its last checkpoint to a slow disk
    must not be made to recover.
    """
    end = time.monotonic() + wait_seconds
    asked = False
    while not _locked(file):
        holder = _read_holder(file)
        if holder.is_alive():
            raise DirectoryInUse(layout.root, holder=holder.number)
        if not asked:
            ask_leftovers(layout.pids)
            asked = True
        if time.monotonic() > end:
            raise EmbeddedError(
                f"servers of a supervisor that was killed still work in {layout.root}; "
                f"end the processes named in {layout.pids}"
            )
        time.sleep(0.02)


def current_holder(layout: DataLayout) -> ProcessMark | None:
    """The supervisor that works in this directory now, ready or still starting."""
    try:
        holder = parse_mark(layout.lock.read_text())
    except FileNotFoundError:
        return None
    return holder if holder.is_alive() else None


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_holder(file: TextIO) -> ProcessMark:
    file.seek(0)
    return parse_mark(file.read())
