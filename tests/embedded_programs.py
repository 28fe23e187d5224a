"""How the tests of the one-command mode run its programs from outside, as root and as others."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

_NOBODY = 65534


def fields_of(line: str) -> list[tuple[int, str]]:
    """The process marks in a line of `number began number began ...`."""
    words = line.split()
    return [(int(number), began) for number, began in zip(words[::2], words[1::2], strict=True)]


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


def _import_path() -> str:
    packages = Path(__file__).parents[1]
    return os.pathsep.join([sysconfig.get_path("purelib"), str(packages / "server")])
