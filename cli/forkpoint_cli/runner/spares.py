"""Spare processes: one waits, code imported, for the next replay of an entry point.

A replay then begins without starting Python and importing the agent. Spares run behind the wall of
replays that reach no host; others start in the ordinary way.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from forkpoint.capture.walls import isolation
from forkpoint.capture.warming import GO, GO_QUIETLY

from forkpoint_cli.errors import CliError
from forkpoint_cli.following import end, start
from forkpoint_cli.programs import hosted
from forkpoint_cli.replaying import Files, new_folder
from forkpoint_cli.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Spare:
    """A process that waits, and the folder its replay will be in."""

    entry: str
    folder: Path
    child: subprocess.Popen[bytes]

    @property
    def waits(self) -> bool:
        """Whether it is still there."""
        return self.child.poll() is None

    def go(self, *, quietly: bool = False) -> bool:
        """Let it begin: all its files are there. False if it ended meanwhile."""
        pipe = self.child.stdin
        if pipe is None:
            return False
        with suppress(OSError):
            pipe.write(GO_QUIETLY if quietly else GO)
            pipe.close()
            return True
        return False

    def drop(self) -> None:
        """End it."""
        end(self.child)
        if self.child.stdin is not None:
            with suppress(OSError):
                self.child.stdin.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Spares:
    """Keeps at most `most` of them, those of the entry points used last. Thread-safe."""

    def __init__(self, session: Session, environment: Mapping[str, str], *, most: int) -> None:
        self._session = session
        self._environment = environment
        self._most = most
        self._lock = threading.Lock()
        self._waiting: list[Spare] = []

    def prepare(self, entry: str) -> None:
        """Have one for an entry point (`module:function`), if there is none."""
        words = isolation()
        if not self._most or words is None:
            return
        with self._lock:
            if any(spare.entry == entry and spare.waits for spare in self._waiting):
                return
            with suppress(CliError, OSError):
                self._waiting.append(self._started(entry, words))
            surplus, self._waiting = self._waiting[: -self._most], self._waiting[-self._most :]
        for spare in surplus:
            spare.drop()

    def take(self, entry: str) -> Spare | None:
        """One for this entry point, now the caller's."""
        with self._lock:
            found = next((one for one in self._waiting if one.entry == entry), None)
            if found is None:
                return None
            self._waiting.remove(found)
        if found.waits:
            return found
        found.drop()
        return None

    def close(self) -> None:
        """End all that wait."""
        with self._lock:
            waiting, self._waiting, self._most = self._waiting, [], 0
        for spare in waiting:
            spare.drop()

    def _started(self, entry: str, words: tuple[str, ...]) -> Spare:
        folder = new_folder(self._session)
        files = Files.inside(folder)
        files.spool.mkdir()
        command = [*words, *hosted(entry, folder, tied=True), "--waits"]
        environment = {**files.environment(self._session), **self._environment}
        child = start(
            command, environment=environment, stdout=None, own_group=True, stdin=subprocess.PIPE
        )
        return Spare(entry=entry, folder=folder, child=child)
