"""A process that waits for its replay with the code imported already, and tells whether it may.

The code is imported behind a guard that refuses everything. If anything reached out, failed, or
changed on disk since (sources, and files that were read meanwhile), the process begins anew when
its replay comes, so that the replay is of today's code and what went wrong happens under its guard.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from forkpoint.capture.guards import Exempt, Guard, lower_guard, raise_guard
from forkpoint.replay.interception import Breach

GO = b"go\n"
"""What the process reads when its replay is there."""
GO_QUIETLY = b"go quietly\n"
"""The same, of a replay whose program prints for nobody."""
_KERNEL = ("/proc/", "/sys/", "/dev/")
_TICK_NS = 10_000_000
"""Times of files may lag behind the clock: they go by ticks of the kernel."""
_Stamp = tuple[int, int, int]


class Warmed:
    """What importing the code came to."""

    def __init__(self) -> None:
        self.clean = True
        """Whether nothing failed and nothing reached out."""
        self._listening = True
        self._began_ns = time.time_ns() - _TICK_NS
        self._read: set[str] = set()
        self._stamps: dict[str, _Stamp] = {}

    def live_hosts(self) -> Sequence[str]:
        """None: nothing is reached while the code is imported."""
        return ()

    def breach(self, code: str, key: str | None = None) -> None:
        """Something reached out: it shall do so again under the guard of the replay."""
        self.clean = False

    def gap(self, what: str) -> None:
        """Nothing: a process that waits is behind a wall of the system."""

    def during(self, load: Callable[[], object]) -> None:
        """Import the code, and remember what it was made of."""
        sys.addaudithook(self._audit)
        guard = Guard(self, Exempt())
        raise_guard(guard)
        try:
            load()
        except (Exception, SystemExit, Breach):  # it happens again, and is told, under the replay
            self.clean = False
        finally:
            self._listening = False
            lower_guard(guard)
        modules = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        self._read.update(path for path in modules if isinstance(path, str))
        self._stamps = {path: stamp for path in self._read if (stamp := _stamp(path)) is not None}

    def still(self) -> bool:
        """Whether the process may go on as it is."""
        return self.clean and all(self._is_as_read(*one) for one in self._stamps.items())

    def _is_as_read(self, path: str, seen: _Stamp) -> bool:
        """Whether a file is as it was, and was so before anything was read."""
        return _stamp(path) == seen and max(seen[:2]) < self._began_ns

    def _audit(self, event: str, args: tuple[object, ...]) -> None:
        if not self._listening or event != "open" or not isinstance(args[0], str):
            return
        if isinstance(args[2], int) and args[2] & os.O_ACCMODE == os.O_RDONLY:
            path = os.path.abspath(args[0])  # noqa: PTH100 - no object for each file opened
            if not path.startswith(_KERNEL) and not path.endswith(".pyc"):  # made of sources
                self._read.add(path)


def wait_to_go() -> bool:
    """Wait for the word; False if whoever would say it is gone. Standard input is empty after."""
    word = sys.stdin.buffer.readline()
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    if word == GO_QUIETLY:
        sys.stdout.flush()
        os.dup2(nothing, 1)
    os.close(nothing)
    return word in (GO, GO_QUIETLY)


def _stamp(path: str) -> _Stamp | None:
    """When a file was written and changed, and its size; None for one that is not there."""
    with suppress(OSError):
        found = os.stat(path)  # noqa: PTH116 - as above
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size
    return None
