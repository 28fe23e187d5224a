"""Backup and restore as docs/operations.md says it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from forkpoint_server.embedded import Embedded
from forkpoint_server.embedded.schema import upgrade

STATE = (
    "select version_num from alembic_version; select name from project order by 1;"
    "select tableowner from pg_tables where tablename = 'run';"
    "select count(*) > 0 from pg_policies where tablename = 'run'"
)


def run_client(databases: Embedded, program: str, *words: str) -> None:
    postgres = databases.postgres
    command = [postgres.bin / program, "-h", databases.layout.root / "run", "-U", "fp_admin"]
    password = (databases.layout.secrets / "fp_admin").read_text()
    environment = {"PATH": os.defpath, "PGPASSWORD": password}
    subprocess.run([*command, *words], check=True, env=environment)


def migrated(databases: Embedded) -> Embedded:
    owner = databases.database_url(role="owner")
    upgrade(owner, layout=databases.layout, environment=os.environ)
    return databases


def test_a_dump_restores_into_another_data_directory(tmp_path: Path):
    dump = str(tmp_path / "forkpoint.dump")
    with Embedded(tmp_path / "a", durable=False) as old:
        postgres = migrated(old).postgres
        postgres.run_sql(
            "insert into project (project_id, name) values (2, 'kept')", database="forkpoint"
        )
        expected = postgres.run_sql(STATE, database="forkpoint")
        run_client(old, "pg_dump", "-Fc", "-f", dump, "forkpoint")

    with Embedded(tmp_path / "b", durable=False) as new:
        run_client(new, "dropdb", "--force", "forkpoint")
        run_client(new, "pg_restore", "-d", "postgres", "--create", dump)
        assert new.postgres.run_sql(STATE, database="forkpoint") == expected
        assert new.postgres.run_sql("select 1", database="forkpoint", role="api") == "1"
    assert "kept" in expected
