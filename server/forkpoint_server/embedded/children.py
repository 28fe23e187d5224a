"""Start a program as a child that dies with us, wait until it is ready, end it in order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from forkpoint_server.embedded import launch
from forkpoint_server.embedded.errors import NamespacesForbidden, PartFailed
from forkpoint_server.embedded.paths import DataLayout
from forkpoint_server.embedded.processes import mark_of, write_pid_file

_LOG_LIMIT = 16 * 1024 * 1024
_TAIL = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run, and the signals that end it."""

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str]
    stop_signal: signal.Signals
    """Ends it in order; also what a later supervisor sends to a leftover."""

    death_signal: signal.Signals
    """What the kernel sends it when we die (Linux)."""

    stop_seconds: float = 20
    """After that it is killed."""

    as_other_user: bool = False
    """Root only: run in a user namespace, for programs that refuse to be root."""

    inherits: tuple[int, ...] = ()
    """Descriptors it keeps open."""


@dataclass(slots=True)
class Child:
    """A running program and its log."""

    program: Program
    layout: DataLayout
    process: subprocess.Popen[bytes] = field(init=False)
    _log_start: int = field(init=False)

    def __post_init__(self) -> None:
        log = self.log
        _rotate(log)
        with log.open("ab") as output:
            self._log_start = output.tell()
            self.process = subprocess.Popen(
                launched(self.program),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(self.program.environment),
                # ^C in the terminal must reach the supervisor only: it knows the order.
                start_new_session=True,
                pass_fds=self.program.inherits,
            )
        mark = mark_of(self.process.pid)
        write_pid_file(self._pid_file, mark, stop_signal=self.program.stop_signal)

    @property
    def name(self) -> str:
        """The name of the program, also of its log."""
        return self.program.name

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.layout.log(self.name)

    @property
    def _pid_file(self) -> Path:
        return self.layout.pids / f"{self.name}.pid"

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Return when `ready` says so; raises `PartFailed` if it ends first or takes too long."""
        end = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None:
                raise self.failure(f"ended with status {self.process.returncode} while starting")
            if time.monotonic() > end:
                raise self.failure(f"was not ready after {seconds:g} s")
            time.sleep(0.01)

    def failure(self, what: str) -> PartFailed | NamespacesForbidden:
        """The error for this child, with the end of its log."""
        if self.process.returncode == launch.NAMESPACES_FORBIDDEN and self.program.as_other_user:
            return NamespacesForbidden()
        return PartFailed(
            self.name, what, log=self.log, tail=tail_of(self.log, start=self._log_start)
        )

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Send the stop signal and do not wait."""
        if self.is_running():
            self.process.send_signal(self.program.stop_signal)

    def stop(self) -> None:
        """End it and wait; kills it after `stop_seconds`. Safe to call twice."""
        self.ask_to_stop()
        try:
            self.process.wait(self.program.stop_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._pid_file.unlink(missing_ok=True)


def run_to_end(program: Program, layout: DataLayout) -> None:
    """Run a program that ends by itself; raises `PartFailed` unless its exit status is 0."""
    child = Child(program, layout)
    try:
        status = child.process.wait()
    finally:
        child.stop()
    if status:
        raise child.failure(f"ended with status {status}")


def launched(program: Program) -> list[str | Path]:
    """The command line that starts `program` by way of the launcher."""
    in_namespace = "1" if program.as_other_user and os.geteuid() == 0 else "0"
    launcher = [sys.executable, "-I", "-S", launch.__file__]
    words = [str(int(program.death_signal)), str(os.getpid()), in_namespace]
    return [*launcher, *words, *program.command]


def tail_of(log: Path, *, start: int = 0) -> str:
    """The last lines of a log, none from before byte `start`, for the terminal."""
    try:
        with log.open("rb") as file:
            file.seek(max(start, log.stat().st_size - _TAIL))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


def _rotate(log: Path) -> None:
    """Keep one older log, so that a restart every day does not fill the disk."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_LIMIT:
            log.rename(log.with_suffix(".log.1"))
