"""Bring a database to the newest schema, without starting anything when it is there already."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from forkpoint_server.embedded.children import tail_of
from forkpoint_server.embedded.errors import EmbeddedError, PartFailed
from forkpoint_server.embedded.postgres import Postgres

MIGRATE = (sys.executable, "-m", "forkpoint_server.db.migrate")
"""Brings the database named by FORKPOINT_MIGRATION_URL to the newest revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Which migration files the database was brought up to, and the revision it then had."""

    files: str
    """SHA-256 of the names and contents of all migration files."""

    revision: str


def upgrade(
    url: str,
    *,
    log: Path,
    command: Sequence[str] = MIGRATE,
    environment: Mapping[str, str] = os.environ,
) -> None:
    """Run the migrations as the role in `url`; raises `PartFailed` with the end of the log."""
    with log.open("wb") as output:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**environment, "FORKPOINT_MIGRATION_URL": url},
        )
    if done.returncode:
        what = f"ended with status {done.returncode}"
        raise PartFailed("migrate", what, log=log, tail=tail_of(log))


def is_current(path: Path, *, postgres: Postgres, database: str, versions: Path | None) -> bool:
    """Whether the migration files and the database are those of the stamp in `path`.

    The revision is read from the database, so a database that was replaced or restored from an
    older dump is upgraded again whatever the stamp says.
    """
    stamp, files = _read(path), _digest(versions)
    if stamp is None or files is None or stamp.files != files:
        return False
    return _revision(postgres, database) == stamp.revision


def write_stamp(path: Path, *, postgres: Postgres, database: str, versions: Path | None) -> None:
    """Remember what the database is now; without migration files to compare, nothing."""
    files, revision = _digest(versions), _revision(postgres, database)
    if files is None or revision is None:
        return
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps({"files": files, "revision": revision}))
    unfinished.rename(path)


def migration_versions() -> Path | None:
    """Where the migration files are: in the package, or beside the packages in a checkout."""
    spec = importlib.util.find_spec("forkpoint_server")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    places = (
        package / "migrations",
        package / "db" / "migrations",
        package.parents[1] / "migrations",
    )
    return next((place / "versions" for place in places if (place / "versions").is_dir()), None)


def _digest(versions: Path | None) -> str | None:
    if versions is None:
        return None
    digest = hashlib.sha256()
    for file in sorted(versions.glob("*.py")):
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _revision(postgres: Postgres, database: str) -> str | None:
    """What the migrations noted in the database; None where they never ran."""
    try:
        return postgres.run_sql(
            "select string_agg(version_num, ',' order by version_num) from alembic_version",
            database=database,
        )
    except EmbeddedError:
        return None


def _read(path: Path) -> Stamp | None:
    try:
        content = json.loads(path.read_text())
        return Stamp(files=content["files"], revision=content["revision"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
