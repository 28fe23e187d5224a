"""Postgres and Valkey together below one directory: `with Embedded(directory) as databases: ...`"""

from __future__ import annotations

import shutil
import tempfile
import time
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from forkpoint_server.embedded import postgres, valkey
from forkpoint_server.embedded.binaries import postgres_bin, valkey_server
from forkpoint_server.embedded.children import Child
from forkpoint_server.embedded.errors import EmbeddedError
from forkpoint_server.embedded.lock import DirectoryLock, take_directory
from forkpoint_server.embedded.paths import DataLayout
from forkpoint_server.embedded.postgres import DATABASE, Postgres, Role
from forkpoint_server.embedded.settings import External, Programs, read_programs
from forkpoint_server.embedded.valkey import Valkey


class Embedded:
    """The databases of one data directory; services named in `external` are used, not started.

    Start it in the main thread: the death signal of the servers fires when the thread that started
    them ends. `durable=False` is for tests, which throw their data away.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        durable: bool = True,
        programs: Programs | None = None,
        external: External | None = None,
    ) -> None:
        self.layout = DataLayout(Path(directory).absolute())
        self.timings: dict[str, float] = {}
        """Seconds that each part took to start."""

        self._durable = durable
        self._programs = read_programs() if programs is None else programs
        self._external = External() if external is None else external
        self._lock: DirectoryLock | None = None
        self._temporary: Path | None = None
        self._postgres: Postgres | None = None
        self._valkey: Valkey | None = None
        self._children: dict[str, Child] = {}

    def start(self) -> Self:
        """Start both and return when both answer; what was started is stopped if one fails."""
        try:
            self.layout.create()
            self._lock = take_directory(self.layout)
            sockets = self._make_sockets()
            if self._external.redis_url is None:
                self._valkey = self._make_valkey(sockets)
            if self._external.database_url is None:
                self._postgres = self._make_postgres(sockets)
            for name in self.missing():
                self.spawn(name)
            for name in tuple(self._children):
                self.wait_for(name)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop both, in the order that loses nothing. Safe to call twice."""
        for name in ("postgres", "valkey"):
            if child := self._children.get(name):
                child.stop()
        self._children.clear()
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None
        if self._lock:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def postgres(self) -> Postgres:
        """Our own cluster; raises `EmbeddedError` where an external database is used."""
        if self._postgres is None:
            raise EmbeddedError("the database is external: it is not ours to administer")
        return self._postgres

    @property
    def redis_url(self) -> str:
        """For `redis.from_url`."""
        if self._external.redis_url is not None:
            return self._external.redis_url
        if self._valkey is None:
            raise EmbeddedError("Valkey is not started")
        return self._valkey.url

    def database_url(self, database: str = DATABASE, role: Role = "api") -> str:
        """A SQLAlchemy URL with the password of one role; an external database has only its own."""
        if self._external.database_url is None:
            return self.postgres.url(database=database, role=role)
        of_role = {
            "owner": self._external.migration_url,
            "worker": self._external.worker_database_url,
        }
        return of_role.get(role) or self._external.database_url

    def environment(self) -> dict[str, str]:
        """What a Forkpoint process needs to use these databases, as the API."""
        return {
            "FORKPOINT_DATABASE_URL": self.database_url(),
            "FORKPOINT_REDIS_URL": self.redis_url,
            "FORKPOINT_DATA": str(self.layout.root),
        }

    def missing(self) -> list[str]:
        """The parts of ours that do not run now."""
        ours = {"valkey": self._valkey, "postgres": self._postgres}
        return [
            name
            for name, part in ours.items()
            if part and not (name in self._children and self._children[name].is_running())
        ]

    def child(self, name: str) -> Child:
        """The running program of one part."""
        return self._children[name]

    def spawn(self, name: str) -> None:
        """Start one part and do not wait; for the first time that includes making the cluster."""
        inherits = (self._lock.descriptor(),) if self._lock else ()
        part = self._valkey if name == "valkey" else self.postgres
        if part is None:
            raise EmbeddedError(f"{name} is external")
        begin = time.perf_counter()
        part.prepare()
        self._children[name] = Child(part.program(inherits=inherits), self.layout)
        self.timings[name] = time.perf_counter() - begin

    def wait_for(self, name: str) -> None:
        """Return when one part answers; raises `PartFailed` if it ends or takes too long."""
        begin = time.perf_counter()
        child = self._children[name]
        if name == "valkey" and self._valkey:
            child.wait_until(self._valkey.is_ready, seconds=valkey.READY_SECONDS)
        if name == "postgres":
            child.wait_until(partial(self.postgres.is_ready, child), seconds=postgres.READY_SECONDS)
            self.postgres.bootstrap()
        self.timings[name] += time.perf_counter() - begin

    def _make_sockets(self) -> Path:
        """The socket directory: ours, or a short temporary one where our path is too long."""
        if self.layout.socket_paths_are_too_long():
            self._temporary = Path(tempfile.mkdtemp(prefix="forkpoint-"))
            return self._temporary
        self.layout.run.mkdir(mode=0o700, exist_ok=True)
        return self.layout.run

    def _make_valkey(self, sockets: Path) -> Valkey:
        server = valkey_server(self._programs)
        return Valkey(layout=self.layout, server=server, sockets=sockets, durable=self._durable)

    def _make_postgres(self, sockets: Path) -> Postgres:
        programs = postgres_bin(self._programs)
        return Postgres(layout=self.layout, bin=programs, sockets=sockets, durable=self._durable)
