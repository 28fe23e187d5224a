"""Which wall of the system a replay is put behind, and the words before its command that build it.

| level | what it keeps from the program | where |
|---|---|---|
| `os` | all of the network: an empty namespace, without loopback | policies without live hosts |
| `tcp` | TCP connections to other ports than those of the live hosts (Landlock) | all others |
| `python` | nothing: the audit hook is alone | systems that can do neither |
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from forkpoint.capture import landlock
from forkpoint.capture.egress import read_pattern

Level = Literal["python", "tcp", "os"]
_PROBE_SECONDS = 5
_WEB = (80, 443)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """`words` go before the command."""

    level: Level
    words: tuple[str, ...] = ()


def wall_for(hosts: Sequence[str]) -> Wall:
    """The highest wall for a program that may reach these hosts of `allow_live`, and no other."""
    words = None if hosts else isolation()
    if words is not None:
        return Wall(level="os", words=words)
    ports = ports_of(hosts)
    if ports is None or not landlock.available():
        return Wall(level="python")
    listed = ",".join(str(port) for port in ports)
    return Wall(level="tcp", words=(sys.executable, "-I", "-S", landlock.__file__, listed, "--"))


def ports_of(hosts: Sequence[str]) -> list[int] | None:
    """The ports of hosts, those of the web for a name without one; None if it may be any port."""
    ports: set[int] = set()
    for text in hosts:
        pattern = read_pattern(text)
        if pattern.port is not None:
            ports.add(pattern.port)
        elif pattern.literal or pattern.host == "localhost":
            return None
        else:
            ports.update(_WEB)
    return sorted(ports)


@functools.cache
def isolation() -> tuple[str, ...] | None:
    """Words to put before a command so that it runs without any network; None if that cannot be.

    They start an empty network namespace, in which not even loopback is up. Tried once.
    """
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    for words in ((unshare, "--net", "--"), (unshare, "--map-current-user", "--net", "--")):
        try:
            probe = subprocess.run(
                [*words, sys.executable, "-I", "-S", "-c", ""],
                capture_output=True,
                timeout=_PROBE_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        if probe.returncode == 0:
            return words
    return None
