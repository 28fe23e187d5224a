"""Bring a database to the newest schema: `python -m forkpoint_server.db.migrate`.

Safe to run from many processes at once; a database that is current is left alone.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config

from forkpoint_server.settings import async_url


def upgrade(url: str) -> None:
    """Run every migration that is missing. Blocking; not for use on a running event loop."""
    command.upgrade(_config(url), "head")


def migrations_directory() -> Path:
    """The `migrations` folder: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).parents[1]
    places = (package / "migrations", package.parents[1] / "migrations")
    for place in places:
        if (place / "env.py").is_file():
            return place
    raise FileNotFoundError(f"no migrations in {' or '.join(map(str, places))}; reinstall")


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_directory()))
    config.attributes["url"] = async_url(url)
    return config


def main() -> int:
    """Migrate FORKPOINT_MIGRATION_URL, else FORKPOINT_DATABASE_URL; exit 2 if neither is set."""
    environment = os.environ
    url = environment.get("FORKPOINT_MIGRATION_URL") or environment.get("FORKPOINT_DATABASE_URL")
    if not url:
        print("set FORKPOINT_MIGRATION_URL or FORKPOINT_DATABASE_URL", file=sys.stderr)
        return 2
    upgrade(url)
    return 0


if __name__ == "__main__":
    sys.exit(main())
