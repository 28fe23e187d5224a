"""Pytest fixtures that stand on real servers: databases, an S3 store, the whole stack.

Everything starts the first time a test asks for it, once for each test process (pytest-xdist: once
for each of its workers), in directories and under ports of its own.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from forkpoint_server.embedded import Embedded, Stack
from forkpoint_server.embedded.postgres import Role
from forkpoint_server.embedded.schema import upgrade
from forkpoint_server.embedded.settings import EmbeddedSettings, read_programs
from seaweed import S3, join

_TEMPLATE = "forkpoint_template"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A migrated database that belongs to one test module, or to one test."""

    embedded: Embedded
    name: str

    def url(self, role: Role = "api") -> str:
        """A SQLAlchemy URL; `api` and `worker` are under row level security, `admin` is not."""
        return self.embedded.database_url(self.name, role)

    @property
    def redis_url(self) -> str:
        """The Valkey of this test process, which all its tests share: use keys of your own."""
        return self.embedded.redis_url

    def sql(self, statements: str, *, role: Role = "admin") -> str:
        """Run statements with psql: rows by line, columns by tab."""
        return self.embedded.postgres.run_sql(statements, database=self.name, role=role)


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """One Postgres and one Valkey, thrown away at the end."""
    with Embedded(tmp_path_factory.mktemp("embedded"), durable=False) as running:
        yield running
    shutil.rmtree(running.layout.postgres)


@pytest.fixture(scope="session")
def make_database(embedded: Embedded) -> Callable[[], Database]:
    """Make one more migrated database (about 20 ms): the migrations run once, into a template."""
    embedded.postgres.create_database(_TEMPLATE)
    owner = embedded.database_url(_TEMPLATE, "owner")
    upgrade(owner, layout=embedded.layout, environment=os.environ)

    def make() -> Database:
        name = f"test_{secrets.token_hex(6)}"
        embedded.postgres.create_database(name, template=_TEMPLATE)
        return Database(embedded=embedded, name=name)

    return make


@pytest.fixture(scope="module")
def database(make_database: Callable[[], Database]) -> Iterator[Database]:
    """A migrated database for the tests of one module."""
    made = make_database()
    yield made
    _drop(made)


@pytest.fixture
def fresh_database(make_database: Callable[[], Database]) -> Iterator[Database]:
    """A migrated database for one test, with nothing in it."""
    made = make_database()
    yield made
    _drop(made)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """The S3 store of the whole session, shared by all test processes."""
    with join(_session_directory(tmp_path_factory) / "seaweedfs") as store:
        yield store


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """API and worker on databases of their own, as a user would start them; the base URL."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("FORKPOINT_")}
    settings = EmbeddedSettings(
        data=tmp_path_factory.mktemp("server"),
        port=0,
        programs=read_programs(os.environ),
        environment=kept,
    )
    with Stack(settings, durable=False) as stack:
        yield stack.url
    shutil.rmtree(stack.databases.layout.postgres)


def _session_directory(factory: pytest.TempPathFactory) -> Path:
    """The directory that all processes of one session share; xdist gives each a child of it."""
    own = factory.getbasetemp()
    return own.parent if own.name.startswith("popen-") else own


def _drop(database: Database) -> None:
    database.embedded.postgres.run_sql(f"drop database {database.name} with (force)")
