"""A child process followed to its end, by whoever may end it from another thread."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO

from forkpoint_cli.errors import CliError

POLL_S = 0.05
EAGER_S, EAGERLY = 0.01, 100
"""Looked at so much oftener this many times, so that the first steps are seen at once."""
GRACE_S = 0.5
"""How long a program that is ended may take to leave."""


class Stopped(CliError):
    """Whoever asked for the replay wants it no more: its program was ended."""


class Leash:
    """Ends the child on it, now or as soon as there is one. `pull` may be called from anywhere."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self.why: str | None = None
        """Why it was pulled; None: it was not."""

    def attach(self, child: subprocess.Popen[bytes]) -> None:
        """Put a child on it."""
        with self._lock:
            self._child = child
            pulled = self.why is not None
        if pulled:
            end(child)

    def pull(self, why: str) -> None:
        """End the child; the first reason counts."""
        with self._lock:
            if self.why is not None:
                return
            self.why, child = why, self._child
        if child is not None:
            threading.Thread(target=end, args=(child,), daemon=True).start()


def start(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    stdout: IO[str] | int | None,
    own_group: bool = False,
    stdin: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child; in a group of its own it is ended with all it started."""
    try:
        return subprocess.Popen(
            command, env=environment, stdin=stdin, stdout=stdout, start_new_session=own_group
        )
    except OSError as error:
        raise CliError(f"cannot run {command[0]}: {error.strerror}") from None


def follow(child: subprocess.Popen[bytes], leash: Leash, *, meanwhile: Callable[[], None]) -> int:
    """Its exit status, once it has ended; `meanwhile` is called many times a second.

    Raises `Stopped` when the leash was pulled.
    """
    leash.attach(child)
    looks = 0
    try:
        while True:
            looks += 1
            try:
                status = child.wait(EAGER_S if looks < EAGERLY else POLL_S)
            except subprocess.TimeoutExpired:
                if leash.why is None:
                    meanwhile()
                continue
            if leash.why is not None:
                raise Stopped(leash.why)
            return status
    except BaseException:
        end(child)
        raise


def end(child: subprocess.Popen[bytes]) -> None:
    """End a child, and the group it leads: ask, wait half a second, kill."""
    group = None
    with suppress(ProcessLookupError):
        group = child.pid if os.getpgid(child.pid) == child.pid else None
    _send(child, group, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_S)
    _send(child, group, signal.SIGKILL)
    child.wait()


def _send(child: subprocess.Popen[bytes], group: int | None, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if group is not None:
            os.killpg(group, number)
        elif child.poll() is None:
            child.send_signal(number)
