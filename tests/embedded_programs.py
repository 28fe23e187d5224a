"""How the tests of the one-command mode run its programs from outside, as root and as others."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from forkpoint_server.embedded import Commands
from forkpoint_server.embedded.paths import DataLayout
from forkpoint_server.embedded.processes import ProcessMark, parse_mark

TINY_PARTS = Path(__file__).parent / "integration" / "embedded" / "tiny_parts.py"
_NOBODY = 65534


def tiny_commands(*, api: str = "api", versions: Path | None = None) -> Commands:
    """The programs of `tiny_parts.py`, by name."""
    return Commands(
        versions=versions,
        migrate=(sys.executable, str(TINY_PARTS), "migrate"),
        api=(sys.executable, str(TINY_PARTS), api),
        worker=(sys.executable, str(TINY_PARTS), "worker"),
    )


def fields_of(line: str) -> list[tuple[int, str]]:
    """The process marks in a line of `number began number began ...`."""
    words = line.split()
    return [(int(number), began) for number, began in zip(words[::2], words[1::2], strict=True)]


def marks_of(layout: DataLayout) -> dict[str, ProcessMark]:
    """The running programs of a data directory, by name."""
    files = layout.pids.glob("*.pid")
    return {file.stem: parse_mark(file.read_text().splitlines()[0]) for file in files}


def wait_until_gone(processes: Iterable[ProcessMark], *, seconds: float = 30) -> None:
    """Return when all have ended, none of them being our child; fails after `seconds`."""
    end = time.monotonic() + seconds
    for process in processes:
        try:
            handle = os.pidfd_open(process.number)
        except ProcessLookupError:
            continue
        ready, _, _ = select.select([handle], [], [], max(0.0, end - time.monotonic()))
        os.close(handle)
        assert ready or not process.is_alive(), f"process {process.number} is still there"


def run_as_normal_user(
    program: Path, *arguments: str, directory: Path
) -> subprocess.CompletedProcess[str]:
    """Run a Python program on `directory`; where we are root, as a user who is not.

    That user may be unable to reach root's interpreter and the temporary directories of the tests:
    it gets the interpreter of the system and a directory of its own.
    """
    if os.geteuid() != 0:
        command = [sys.executable, str(program), *arguments, str(directory)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)
    with tempfile.TemporaryDirectory(prefix="fp-", dir="/tmp") as own:
        os.chown(own, _NOBODY, _NOBODY)
        command = [_interpreter(), str(program), *arguments, f"{own}/data"]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=own,
            env={"PATH": os.defpath, "HOME": own, "PYTHONPATH": _import_path()},
            user=_NOBODY,
            group=_NOBODY,
            extra_groups=[],
        )


def _interpreter() -> str:
    """An interpreter of our version outside of root's home, so that everybody may run it."""
    own = Path(sys.executable).resolve()
    if not own.is_relative_to(Path("/root")):
        return str(own)
    return f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"


def program_environment(**settings: str) -> dict[str, str]:
    """An environment without Forkpoint's settings but these, in which our tests can be imported."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("FORKPOINT_")}
    return {**kept, "PYTHONPATH": _import_path(), **settings}


def _import_path() -> str:
    root = Path(__file__).parents[1]
    return os.pathsep.join(
        [sysconfig.get_path("purelib"), str(root / "server"), str(root / "tests")]
    )
