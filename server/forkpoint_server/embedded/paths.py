"""Where everything of the one-command mode lies below its data directory."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

SOCKET_PATH_LIMIT = 100
"""Bytes; `sun_path` holds 108 on Linux and 104 on macOS."""

_LONGEST_SOCKET = "/.s.PGSQL.5432.lock"


@dataclass(frozen=True, slots=True)
class DataLayout:
    """The files and directories of one data directory; nothing of Forkpoint's lies outside it.

    The one exception is the socket directory when the path is too long for a socket address.
    """

    root: Path

    @property
    def postgres(self) -> Path:
        """The cluster of Postgres (PGDATA)."""
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        """The append-only file of Valkey."""
        return self.root / "valkey"

    @property
    def blobs(self) -> Path:
        """Content-addressed blobs, where no S3 endpoint is set."""
        return self.root / "blobs"

    @property
    def logs(self) -> Path:
        """One log for each program."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Sockets."""
        return self.root / "run"

    @property
    def pids(self) -> Path:
        """One file for each running program."""
        return self.root / "pids"

    @property
    def secrets(self) -> Path:
        """Passwords of the database roles, one file each, readable by the owner only."""
        return self.root / "secrets"

    @property
    def lock(self) -> Path:
        """Held as long as a supervisor or one of its servers lives."""
        return self.root / "lock"

    @property
    def state(self) -> Path:
        """Address and process of the running stack, for `status`, `down` and a second `up`."""
        return self.root / "up.json"

    @property
    def schema_stamp(self) -> Path:
        """The migrations that the database was brought up to."""
        return self.root / "schema.stamp"

    def log(self, name: str) -> Path:
        """The log of one program."""
        return self.logs / f"{name}.log"

    def create(self) -> None:
        """Make the directories, closed to everybody else."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for directory in (self.logs, self.pids, self.secrets, self.blobs):
            directory.mkdir(exist_ok=True, mode=0o700)

    def socket_paths_are_too_long(self) -> bool:
        """Whether a socket in `run` would not fit into a socket address."""
        return len(os.fsencode(self.run)) + len(_LONGEST_SOCKET) > SOCKET_PATH_LIMIT

    def password(self, role: str) -> str:
        """The password of a database role; made and written (0600) the first time."""
        path = self.secrets / role
        if not path.exists():
            unfinished = path.with_suffix(".new")
            unfinished.unlink(missing_ok=True)
            handle = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_urlsafe(24))
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(path)
        return path.read_text()
