"""A real Postgres on a unix socket: cluster, roles, databases, command line, readiness.

Its wheel's own wrapper is not used: as root that opens every parent directory to the world, trusts
any local user, takes no settings and leaves the server running after a kill.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from forkpoint_server.embedded.binaries import postgres_major
from forkpoint_server.embedded.children import Child, Program, run_to_end
from forkpoint_server.embedded.errors import EmbeddedError, OtherMajor
from forkpoint_server.embedded.paths import DataLayout

Role = Literal["admin", "owner", "api", "worker"]
"""`admin` is the superuser, for bootstrapping and tests only: it is above row level security."""

DATABASE = "forkpoint"
READY_SECONDS = 60
_CHECKPOINT_SECONDS = 120  # the last one, to a slow disk

_ROLE_NAMES: dict[Role, str] = {
    "admin": "fp_admin",
    "owner": "fp_owner",
    "api": "fp_api",
    "worker": "fp_worker",
}
_BOOTSTRAPPED = "forkpoint.bootstrapped"
_LOCALE = "C.UTF-8" if sys.platform == "linux" else "C"

# Never for users: a power cut would destroy the cluster. Tests throw theirs away anyway.
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """One cluster in one data directory."""

    layout: DataLayout
    bin: Path
    """Directory of the programs."""

    sockets: Path
    durable: bool

    def prepare(self) -> None:
        """Make the cluster, or check that this Postgres can read the one that is there."""
        version_file = self.layout.postgres / "PG_VERSION"
        if not version_file.exists():
            self._initdb()
            return
        found, program = version_file.read_text().strip(), postgres_major(self.bin)
        if found != program:
            raise OtherMajor(self.layout.postgres, found=found, program=program)

    def program(self, *, inherits: tuple[int, ...]) -> Program:
        """The server."""
        settings = {
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "60",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        settings |= {} if self.durable else _NOT_DURABLE
        command: list[str | Path] = [self.bin / "postgres", "-D", self.layout.postgres]
        for key, value in settings.items():
            command += ["-c", f"{key}={value}"]
        return Program(
            name="postgres",
            command=command,
            environment=_environment(),
            # The fast shutdown; SIGTERM would wait for clients.
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGINT,
            stop_seconds=_CHECKPOINT_SECONDS,
            as_other_user=True,
            inherits=inherits,
        )

    def is_ready(self, child: Child) -> bool:
        """Whether the postmaster says so: line 1 of its pid file is its pid, line 8 its state."""
        try:
            lines = (self.layout.postgres / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        own = str(child.process.pid)
        return len(lines) >= 8 and lines[0] == own and lines[7].strip() == "ready"

    def bootstrap(self) -> None:
        """Create the roles and our database, once; a half-done bootstrap is done again."""
        done = self.layout.postgres / _BOOTSTRAPPED
        if done.exists():
            return
        roles = [self._role_sql(role) for role in ("owner", "api", "worker")]
        self.run_sql("\n".join([*roles, _database_sql(DATABASE, "")]))
        done.touch()

    def create_database(self, name: str, *, template: str | None = None) -> None:
        """A database of `fp_owner` that only our roles may enter; `template` is copied as files."""
        copied = f"template {template} strategy file_copy" if template else ""
        self.run_sql(_database_sql(name, copied))

    def url(self, *, database: str, role: Role) -> str:
        """A SQLAlchemy URL; it holds the password."""
        name = _ROLE_NAMES[role]
        sockets = quote(str(self.sockets), safe="/")
        return (
            f"postgresql+asyncpg://{name}:{self.layout.password(name)}@/{database}?host={sockets}"
        )

    def run_sql(
        self,
        sql: str,
        *,
        database: str = "postgres",
        role: Role = "admin",
        password: str | None = None,
    ) -> str:
        """Run statements with psql, by default with the password of the role, and return the rows.

        Columns are parted by tabs.

        Raises `EmbeddedError` with the server's message at the first statement that fails.
        """
        command = [self.bin / "psql", "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-w"]
        command += ["-h", self.sockets, "-U", _ROLE_NAMES[role], "-d", database, "-f", "-"]
        known = self.layout.password(_ROLE_NAMES[role]) if password is None else password
        done = subprocess.run(
            command,
            input=sql,
            capture_output=True,
            text=True,
            env={**_environment(), "PGPASSWORD": known},
        )
        if done.returncode:
            raise EmbeddedError(f"psql failed: {done.stderr.strip()}")
        return done.stdout.rstrip("\n")

    def _role_sql(self, role: Role) -> str:
        name = _ROLE_NAMES[role]
        return (
            f"select 'create role {name}' where not exists "
            f"(select from pg_roles where rolname = '{name}') \\gexec\n"
            f"alter role {name} login nosuperuser nocreatedb nocreaterole noreplication "
            f"nobypassrls password '{self.layout.password(name)}';"
        )

    def _initdb(self) -> None:
        """Build the cluster under another name and rename it: a half-made one never counts."""
        admin = _ROLE_NAMES["admin"]
        self.layout.password(admin)
        unfinished = self.layout.postgres.with_name("postgres.init")
        shutil.rmtree(unfinished, ignore_errors=True)
        command: list[str | Path] = [self.bin / "initdb", "-D", unfinished, "-U", admin]
        command += ["-A", "scram-sha-256", f"--pwfile={self.layout.secrets / admin}"]
        command += ["-E", "UTF8", f"--locale={_LOCALE}", "--no-instructions"]
        command += [] if self.durable else ["--no-sync"]
        program = Program(
            name="initdb",
            command=command,
            environment=_environment(),
            stop_signal=signal.SIGTERM,
            death_signal=signal.SIGKILL,
            as_other_user=True,
        )
        run_to_end(program, self.layout)
        unfinished.rename(self.layout.postgres)


def _database_sql(name: str, options: str) -> str:
    """Create it unless it is there; outside of our roles nobody may connect."""
    owner, api, worker = (_ROLE_NAMES[role] for role in ("owner", "api", "worker"))
    return (
        f"select 'create database {name} owner {owner} {options}' where not exists "
        f"(select from pg_database where datname = '{name}') \\gexec\n"
        f"revoke all on database {name} from public;\n"
        f"grant connect, temporary on database {name} to {api}, {worker};"
    )


def _environment() -> dict[str, str]:
    """Nothing of ours: PGPORT, PGOPTIONS or a locale that is not installed would change it."""
    return {"PATH": os.defpath, "LC_ALL": _LOCALE, "TZ": "UTC"}
