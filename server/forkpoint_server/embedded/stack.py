"""The whole of Forkpoint in one process tree: databases, schema, API, worker."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from forkpoint_server.embedded import schema
from forkpoint_server.embedded.api_address import ApiAddress, free_address
from forkpoint_server.embedded.children import Child, Program
from forkpoint_server.embedded.databases import Embedded
from forkpoint_server.embedded.errors import EmbeddedError, PartFailed
from forkpoint_server.embedded.processes import mark_of
from forkpoint_server.embedded.restarts import restart_delay
from forkpoint_server.embedded.settings import EmbeddedSettings
from forkpoint_server.embedded.state import RunningStack, remove_state, write_state

READY_SECONDS = 120
_DRAIN_SECONDS = 35  # the API drains for 30 s, the worker finishes for 25 s
_OWNERS_ONLY = {"FORKPOINT_MIGRATION_URL", "FORKPOINT_WORKER_DATABASE_URL"}
_DATABASES = ("valkey", "postgres")

Tell = Callable[[str, str, float | None], None]
"""Told of each part as it stands: its name, a few words, seconds it took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """The programs of the stack that are ours."""

    migrate: Sequence[str] = schema.MIGRATE
    versions: Path | None = field(default_factory=schema.migration_versions)
    """The files that `migrate` runs, to see whether it would have anything to do."""

    api: Sequence[str] = (sys.executable, "-m", "forkpoint_server")
    worker: Sequence[str] = (sys.executable, "-m", "forkpoint_worker")


class Stack:
    """Start everything, watch it, end it. Start and watch it in the same thread, best the main one.

    `tell` hears of each part; `tend` starts again what ended and raises `PartFailed` when a program
    keeps ending.
    """

    def __init__(
        self,
        settings: EmbeddedSettings,
        *,
        durable: bool = True,
        commands: Commands | None = None,
        tell: Tell = lambda name, words, seconds: None,
    ) -> None:
        self.databases = Embedded(
            settings.data, durable=durable, programs=settings.programs, external=settings.external
        )
        self._settings = settings
        self._commands = Commands() if commands is None else commands
        self._tell = tell
        self._address: ApiAddress | None = None
        self._children: dict[str, Child] = {}
        self._ends: dict[str, list[float]] = {}
        self._due: dict[str, float] = {}

    @property
    def url(self) -> str:
        """The address of the API and the cockpit."""
        return self._require_address().url

    def child(self, name: str) -> Child:
        """The running program of one part: `postgres`, `valkey`, `api` or `worker`."""
        return self.databases.child(name) if name in _DATABASES else self._children[name]

    def start(self) -> Self:
        """Return when /readyz answers 200; what was started is stopped if a part fails."""
        try:
            self._address = free_address(self._settings.host, port=self._settings.port)
            self.databases.start()
            self._tell_databases()
            self._bring_schema()
            begin = time.perf_counter()
            for name in ("api", "worker"):
                self._children[name] = Child(self._program(name), self.databases.layout)
            self._wait_for_api()
            self._tell("api", self.url, time.perf_counter() - begin)
            self._tell("worker", "waits for jobs", None)
            running = RunningStack(url=self.url, supervisor=mark_of(os.getpid()))
            write_state(self.databases.layout, running)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End everything, clients of the databases first. Safe to call twice."""
        remove_state(self.databases.layout)
        for child in self._children.values():
            child.ask_to_stop()
        for child in self._children.values():
            child.stop()
        self._children.clear()
        self.databases.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    def tend(self, *, now: float) -> None:
        """Start again what ended, after a delay that doubles; `now` is on a monotonic clock."""
        ended = [name for name, child in self._children.items() if not child.is_running()]
        for name in [*self.databases.missing(), *ended]:
            if name not in self._due:
                self._note_end(name, now=now)
            elif now >= self._due[name]:
                del self._due[name]
                self._start_again(name)

    def _note_end(self, name: str, *, now: float) -> None:
        child = self.child(name)
        status = child.process.poll()
        ends = self._ends.setdefault(name, [])
        ends.append(now)
        delay = restart_delay(ends, now=now)
        if delay is None:
            raise child.failure(f"keeps ending, last with status {status}")
        self._tell(name, f"ended with status {status}, starts again in {delay:g} s", None)
        self._due[name] = now + delay

    def _start_again(self, name: str) -> None:
        try:
            if name in _DATABASES:
                self.databases.spawn(name)
                self.databases.wait_for(name)
            else:
                self._children[name] = Child(self._program(name), self.databases.layout)
        except PartFailed:
            return  # a killed Postgres may still hold its memory; the next look counts this end
        self._tell(name, "started again", None)

    def _bring_schema(self) -> None:
        """Migrate as `fp_owner`, unless our own database is where the stamp says it was brought."""
        begin = time.perf_counter()
        layout = self.databases.layout
        postgres = None if self._settings.external.database_url else self.databases.postgres
        versions = self._commands.versions
        current = schema.is_current(layout, postgres=postgres, versions=versions)
        if not current:
            schema.upgrade(
                self.databases.database_url(role="owner"),
                layout=layout,
                environment=self._settings.environment,
                command=self._commands.migrate,
            )
            schema.write_stamp(layout, postgres=postgres, versions=versions)
        words = "is current" if current else "upgraded"
        self._tell("schema", words, time.perf_counter() - begin)

    def _wait_for_api(self) -> None:
        address, api = self._require_address(), self._children["api"]
        for path in ("/healthz", "/readyz"):
            api.wait_until(partial(address.answers, path), seconds=READY_SECONDS)
        worker = self._children["worker"]
        if not worker.is_running():
            raise worker.failure(f"ended with status {worker.process.returncode} while starting")

    def _program(self, name: str) -> Program:
        command = self._commands.api if name == "api" else self._commands.worker
        return Program(
            name=name,
            command=command,
            environment=self.environment(name),
            stop_signal=signal.SIGTERM,
            # Nothing that was acknowledged is lost by it, and a drain without its databases, which
            # end at the same moment, could only hang.
            death_signal=signal.SIGKILL,
            stop_seconds=_DRAIN_SECONDS,
        )

    def environment(self, name: str) -> dict[str, str]:
        """What the API or the worker gets: the role of its own and never the owner's password."""
        address = self._require_address()
        kept = {k: v for k, v in self._settings.environment.items() if k not in _OWNERS_ONLY}
        role = "worker" if name == "worker" else "api"
        return {
            **kept,
            **self.databases.environment(),
            "FORKPOINT_DATABASE_URL": self.databases.database_url(role=role),
            "FORKPOINT_HOST": address.host,
            "FORKPOINT_PORT": str(address.port),
            "PYTHONUNBUFFERED": "1",
        }

    def _tell_databases(self) -> None:
        external = self._settings.external
        elsewhere = {"valkey": external.redis_url, "postgres": external.database_url}
        for name in _DATABASES:
            url = elsewhere[name]
            words = f"at {_where(url)}" if url else "on a unix socket"
            self._tell(name, words, self.databases.timings.get(name))
        blobs = external.s3_endpoint
        self._tell(
            "blobs", f"at {_where(blobs)}" if blobs else str(self.databases.layout.blobs), None
        )

    def _require_address(self) -> ApiAddress:
        if self._address is None:
            raise EmbeddedError("the stack is not started")
        return self._address


def _where(url: str) -> str:
    """An address without the password in it."""
    parts = urlsplit(url)
    return f"{parts.hostname or parts.path}{f':{parts.port}' if parts.port else ''}"
