"""Bring a database to the newest schema, without starting anything when it is there already."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from forkpoint_server.embedded.children import Program, run_to_end
from forkpoint_server.embedded.errors import EmbeddedError
from forkpoint_server.embedded.paths import DataLayout
from forkpoint_server.embedded.postgres import DATABASE, Postgres

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
    layout: DataLayout,
    environment: Mapping[str, str],
    command: Sequence[str] = MIGRATE,
) -> None:
    """Run the migrations as the role in `url`; raises `PartFailed` with the end of their log."""
    program = Program(
        name="migrate",
        command=command,
        environment={**environment, "FORKPOINT_MIGRATION_URL": url},
        stop_signal=signal.SIGTERM,
        # Postgres rolls back what the killed one had begun.
        death_signal=signal.SIGKILL,
    )
    run_to_end(program, layout)


def is_current(layout: DataLayout, *, postgres: Postgres | None, versions: Path | None) -> bool:
    """Whether migration files and database are those of the stamp; not known for an external one.

    The revision is read from the database, so a database that was replaced or restored from an
    older dump is upgraded again whatever the stamp says.
    """
    stamp, files = _read(layout.schema_stamp), _digest(versions)
    if postgres is None or stamp is None or files is None or stamp.files != files:
        return False
    return _revision(postgres) == stamp.revision


def write_stamp(layout: DataLayout, *, postgres: Postgres | None, versions: Path | None) -> None:
    """Remember what our database is now; without migration files to compare, nothing."""
    files = _digest(versions)
    revision = _revision(postgres) if postgres else None
    if files is None or revision is None:
        return
    unfinished = layout.schema_stamp.with_suffix(".new")
    unfinished.write_text(json.dumps({"files": files, "revision": revision}))
    unfinished.rename(layout.schema_stamp)


def migration_versions() -> Path | None:
    """Where the migration files are: in the package, or beside the packages in a checkout."""
    spec = importlib.util.find_spec("forkpoint_server")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    places = (
        package / "migrations",
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


def _revision(postgres: Postgres) -> str | None:
    """What the migrations noted in the database; None where they never ran."""
    try:
        return postgres.run_sql(
            "select string_agg(version_num, ',' order by version_num) from alembic_version",
            database=DATABASE,
        )
    except EmbeddedError:
        return None


def _read(path: Path) -> Stamp | None:
    try:
        content = json.loads(path.read_text())
        return Stamp(files=content["files"], revision=content["revision"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
