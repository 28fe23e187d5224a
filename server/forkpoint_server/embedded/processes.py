"""Which processes are alive, and whether a number still means the process it once meant."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """A process for ever: its number, which is reused one day, and the moment it began."""

    number: int
    began: str

    def is_alive(self) -> bool:
        """Whether exactly this process still runs."""
        return self.number > 0 and _began(self.number) == self.began

    def text(self) -> str:
        """One line for a file."""
        return f"{self.number} {self.began}"


def mark_of(number: int) -> ProcessMark:
    """The mark of a running process; one that is gone gets a mark that is never alive."""
    return ProcessMark(number, _began(number) or "never")


def parse_mark(line: str) -> ProcessMark:
    """Read what `ProcessMark.text` wrote; anything else is nobody."""
    number, _, began = line.strip().partition(" ")
    return ProcessMark(int(number) if number.isdecimal() else 0, began or "never")


def write_pid_file(path: Path, mark: ProcessMark, *, stop_signal: signal.Signals) -> None:
    """Remember a running program for a supervisor that starts after ours was killed."""
    path.write_text(f"{mark.text()}\n{int(stop_signal)}\n")


def ask_leftovers(pids: Path) -> dict[str, ProcessMark]:
    """Send what a killed supervisor left running its stop signal, and do not wait.

    On Linux the kernel has done so already, and once more does no harm.
    """
    left: dict[str, ProcessMark] = {}
    for path in sorted(pids.glob("*.pid")):
        first, _, second = path.read_text().partition("\n")
        mark = parse_mark(first)
        if mark.is_alive():
            _signal(mark, int(second.strip() or signal.SIGTERM))
            left[path.stem] = mark
        else:
            path.unlink(missing_ok=True)
    return left


def stop_leftovers(pids: Path, *, seconds: float) -> list[str]:
    """Ask what is left to end, wait, and kill what stays; their names."""
    left = ask_leftovers(pids)
    end = time.monotonic() + seconds
    while any(mark.is_alive() for mark in left.values()) and time.monotonic() < end:
        time.sleep(0.02)
    for mark in left.values():
        if mark.is_alive():
            _signal(mark, signal.SIGKILL)
    return list(left)


def _signal(mark: ProcessMark, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(mark.number, number)


def _began(number: int) -> str | None:
    """When a process began, in the unit of the system; None if there is none or it is a zombie."""
    if number <= 0:
        return None
    if sys.platform == "linux":
        return _began_on_linux(number)
    shown = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(number)], capture_output=True, text=True
    ).stdout.split()
    return None if not shown or shown[0].startswith("Z") else "_".join(shown[1:])


def _began_on_linux(number: int) -> str | None:
    """Field 22 of /proc/N/stat, clock ticks since boot; proc_pid_stat(5)."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]
