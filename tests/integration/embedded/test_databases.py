"""Postgres and Valkey out of wheels: start, roles, restart, death of the supervisor."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from embedded_programs import fields_of, program_environment, run_as_normal_user
from forkpoint_server.embedded import Embedded
from forkpoint_server.embedded.errors import DirectoryInUse, EmbeddedError, OtherMajor
from forkpoint_server.embedded.processes import ProcessMark
from forkpoint_server.embedded.settings import External
from redis import Redis

HOLDER = Path(__file__).with_name("hold_databases.py")


def driver_url(url: str) -> str:
    return url.replace("postgresql+asyncpg://", "postgresql://")


async def test_the_api_role_enters_its_database_through_the_url(embedded: Embedded):
    connection = await asyncpg.connect(driver_url(embedded.database_url()))
    try:
        found = await connection.fetchrow("select current_user, current_database(), uuidv7()")
    finally:
        await connection.close()

    assert found is not None
    assert tuple(found)[:2] == ("fp_api", "forkpoint")


def test_only_the_admin_is_above_row_level_security(embedded: Embedded):
    rows = embedded.postgres.run_sql(
        "select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles "
        "where rolname like 'fp%' and rolcanlogin order by 1"
    )

    assert [row.split("\t")[0] for row in rows.splitlines() if "t" in row.split("\t")[1:]] == [
        "fp_admin"
    ]
    assert re.findall("^fp_[a-z]+", rows, re.MULTILINE) == [
        "fp_admin",
        "fp_api",
        "fp_owner",
        "fp_worker",
    ]


def test_api_and_worker_may_not_create_tables_and_the_owner_may(embedded: Embedded):
    postgres = embedded.postgres
    postgres.create_database("creation")

    postgres.run_sql("create table t (a int)", database="creation", role="owner")
    for role in ("api", "worker"):
        with pytest.raises(EmbeddedError, match="permission denied for schema public"):
            postgres.run_sql("create table u (a int)", database="creation", role=role)


def test_a_wrong_password_is_refused(embedded: Embedded):
    with pytest.raises(EmbeddedError, match="password authentication failed"):
        embedded.postgres.run_sql("select 1", role="worker", password="guess")


def test_passwords_differ_and_nobody_else_can_read_anything(embedded: Embedded):
    root = embedded.layout.root
    files = sorted((root / "secrets").iterdir())

    assert len({file.read_text() for file in files}) == len(files) == 4
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert {stat.S_IMODE((root / n).stat().st_mode) for n in ("secrets", "logs", "blobs")} == {
        0o700
    }


def test_what_was_committed_is_there_after_a_restart(tmp_path: Path):
    with Embedded(tmp_path) as first:
        first.postgres.run_sql("create table t as select 7 as a", database="forkpoint")
        with Redis.from_url(first.redis_url) as valkey:
            valkey.set("key", "kept")

    with Embedded(tmp_path) as second, Redis.from_url(second.redis_url) as valkey:
        assert second.postgres.run_sql("select a from t", database="forkpoint") == "7"
        assert valkey.get("key") == b"kept"


def test_a_bootstrap_that_was_cut_short_is_finished_at_the_next_start(tmp_path: Path):
    with Embedded(tmp_path, durable=False) as first:
        first.postgres.run_sql("drop database forkpoint; drop role fp_worker;")
    (tmp_path / "postgres" / "forkpoint.bootstrapped").unlink()

    with Embedded(tmp_path, durable=False) as second:
        assert second.postgres.run_sql("select 1", database="forkpoint", role="worker") == "1"


def test_half_a_cluster_is_never_taken_for_one(tmp_path: Path):
    (tmp_path / "postgres.init").mkdir()
    (tmp_path / "postgres.init" / "PG_VERSION").write_text("18\n")

    with Embedded(tmp_path, durable=False) as databases:
        assert databases.postgres.run_sql("select 1") == "1"


def test_a_cluster_of_another_major_is_refused_with_the_way_out(tmp_path: Path):
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("17\n")

    with pytest.raises(OtherMajor, match=r"written by Postgres 17, .* pg_dumpall"):
        Embedded(tmp_path).start()


def test_a_path_too_long_for_a_socket_gets_a_short_socket_directory(tmp_path: Path):
    deep = tmp_path / ("d" * 60) / ("e" * 60)

    with Embedded(deep, durable=False) as databases:
        sockets = Path(databases.redis_url.removeprefix("unix://")).parent
        assert databases.postgres.run_sql("select 1") == "1"
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert not sockets.exists()


def test_external_services_are_used_and_nothing_is_started(tmp_path: Path):
    external = External(
        database_url="postgresql+asyncpg://a@db/f",
        migration_url="postgresql+asyncpg://m@db/f",
        redis_url="redis://cache:6379",
    )

    with Embedded(tmp_path, external=external) as databases:
        assert databases.missing() == []
        assert databases.environment()["FORKPOINT_REDIS_URL"] == "redis://cache:6379"
        assert [databases.database_url(role=role) for role in ("api", "owner", "worker")] == [
            "postgresql+asyncpg://a@db/f",
            "postgresql+asyncpg://m@db/f",
            "postgresql+asyncpg://a@db/f",
        ]
    assert not (tmp_path / "postgres").exists()


def test_a_second_supervisor_is_refused_while_the_first_lives(tmp_path: Path):
    with Embedded(tmp_path, durable=False), pytest.raises(DirectoryInUse) as refused:
        Embedded(tmp_path, durable=False).start()

    assert refused.value.holder == os.getpid()


def test_the_servers_die_with_a_killed_supervisor_and_start_again(tmp_path: Path):
    with subprocess.Popen(
        [sys.executable, str(HOLDER), str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        servers = [ProcessMark(*pair) for pair in fields_of(supervisor.stdout.readline())]
        assert all(server.is_alive() for server in servers)
        supervisor.send_signal(signal.SIGKILL)

    with Embedded(tmp_path) as databases:  # the lock falls free when the last old server is gone
        assert not any(server.is_alive() for server in servers)
        assert databases.postgres.run_sql("select 1") == "1"
    log = (tmp_path / "logs" / "postgres.log").read_text()
    assert log.count("database system is shut down") == 2  # by the death signal, and by stop()
    assert "was interrupted" not in log


def test_a_normal_user_can_start_it_too(tmp_path: Path):
    done = run_as_normal_user(HOLDER, "--once", directory=tmp_path)

    assert done.returncode == 0, done.stderr
    assert len(fields_of(done.stdout)) == 2


def test_root_without_user_namespaces_is_told_to_be_a_normal_user(tmp_path: Path):
    forbidden = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    inside = ["unshare", "--user", "--map-root-user", "sh", "-c", forbidden, "sh"]

    done = subprocess.run(
        [*inside, sys.executable, str(HOLDER), "--once", str(tmp_path)],
        capture_output=True,
        text=True,
        env=program_environment(),
    )

    assert done.returncode == 1
    assert "user namespaces are forbidden here: use a normal user" in done.stderr
