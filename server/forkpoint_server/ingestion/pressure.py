"""Back pressure: when the doors of ingestion are shut for a while (`OVERLOADED`, 503).

What is measured is looked at in the background every few seconds, never for a request. Nothing of a
refused request is applied, and all of it heals alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from forkpoint_server import telemetry
from forkpoint_server.db.engine import Database, driver
from forkpoint_server.errors import Overloaded
from forkpoint_server.security.room import Room
from forkpoint_server.settings import MIB, PressureLimits

_CGROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_PAGE = 4096

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What was seen last; what cannot be seen counts as none."""

    jobs: int = 0
    """Jobs that wait, counted up to a little over their limit."""
    sealed: int = 0
    """Sealed bytes that no worker has read."""
    disk_free: int = 2**62
    disk_total: int = 1
    rss: int = 0
    """Bytes of this process in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why the doors are shut. `after_s` is the range that Retry-After is drawn from."""

    measure: str
    message: str
    after_s: tuple[int, int]


def refusal_of(
    measures: Measures, limits: PressureLimits, *, memory: int, in_flight: int
) -> Refusal | None:
    """The first measure that is over its limit. Pure.

    Memory shuts the doors only while bodies are in flight: what else holds it, one request at a
    time is still served, so that a process which never shrinks is no closed one.
    """
    share = min(int(measures.disk_total * limits.disk_share), limits.disk_enough)
    if measures.disk_free < max(limits.disk_bytes, share):
        return Refusal(measure="disk", message="the disk is nearly full", after_s=(15, 30))
    if measures.jobs > limits.jobs:
        return Refusal(measure="jobs", message="the workers are too far behind", after_s=(5, 15))
    if measures.sealed > limits.sealed:
        return Refusal(
            measure="sealed", message="too many sealed bytes wait for workers", after_s=(5, 15)
        )
    if in_flight and measures.rss > memory * limits.memory_share:
        return Refusal(measure="memory", message="this process is short of memory", after_s=(1, 5))
    return None


class Pressure:
    """Looks at the measures in the background; `check` is a comparison in memory."""

    def __init__(
        self,
        database: Database,
        limits: PressureLimits,
        *,
        data: Path,
        room: Room,
        draw: Callable[[int, int], int] = random.randint,
    ) -> None:
        self._database = database
        self._limits = limits
        self._data = data
        self._room = room
        self._draw = draw
        self._memory = min(limits.memory, cgroup_limit())
        self._measures = Measures()
        self._shut: str | None = None

    def check(self) -> None:
        """Raise `Overloaded` while something is over its limit."""
        refusal = self.refusal()
        if refusal is not None:
            telemetry.overloads.labels(measure=refusal.measure).inc()
            raise Overloaded(
                f"{refusal.message}; send it again",
                retry_after_s=self._draw(*refusal.after_s),
                measure=refusal.measure,
            )

    def refusal(self) -> Refusal | None:
        """Why the doors are shut now; None: they are open."""
        return refusal_of(
            self._measures, self._limits, memory=self._memory, in_flight=self._room.total
        )

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._limits.sampled_s)

    async def look(self) -> None:
        """Take all measures once. A database that is away leaves its own as they were."""
        jobs, sealed = self._measures.jobs, self._measures.sealed
        with contextlib.suppress(Overloaded):
            jobs, sealed = await self._backlog()
        free, total = await asyncio.to_thread(_disk, self._data)
        rss = resident()
        if rss > self._memory * self._limits.memory_share:
            await asyncio.to_thread(_shrink)
            rss = resident()
        self._measures = Measures(
            jobs=jobs, sealed=sealed, disk_free=free, disk_total=total, rss=rss
        )
        self._tell()

    async def _backlog(self) -> tuple[int, int]:
        async with self._database.crossing() as connection:
            raw = await driver(connection)
            row = await raw.fetchrow("select * from intake_backlog($1)", self._limits.jobs + 1)
        return row[0], row[1]

    def _tell(self) -> None:
        refusal = self.refusal()
        shut = refusal.measure if refusal else None
        if shut != self._shut:
            _log.warning("doors_shut" if shut else "doors_opened", measure=shut or self._shut)
        self._shut = shut


def resident() -> int:
    """Bytes of this process in memory (proc(5), statm); 0 where it cannot be seen."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0


def cgroup_limit() -> int:
    """Bytes that the container gives this process; far more than any setting if it gives none."""
    for path in _CGROUPS:
        with contextlib.suppress(OSError, ValueError):
            return max(int(path.read_text()), 64 * MIB)
    return 2**62


def _disk(data: Path) -> tuple[int, int]:
    """Free and total bytes where the data lies."""
    for folder in (data, *data.parents):
        with contextlib.suppress(OSError):
            usage = shutil.disk_usage(folder)
            return usage.free, usage.total
    return 2**62, 1


def _shrink() -> None:
    """Give back what is free inside: Python and malloc keep it otherwise (glibc malloc_trim)."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
