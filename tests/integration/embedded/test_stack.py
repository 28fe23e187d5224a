"""The whole stack under its supervisor, with small real programs for API and worker."""

from __future__ import annotations

import json
import os
import signal
import socket
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from embedded_programs import tiny_commands
from forkpoint_server.embedded import Stack
from forkpoint_server.embedded.errors import EmbeddedError, PartFailed, PortTaken
from forkpoint_server.embedded.settings import EmbeddedSettings, External

LONG_AFTER = 1e6
"""Seconds on the supervisor's clock after which every delay is over and every end forgotten."""

Told = list[tuple[str, str]]


def tiny_stack(
    data: Path,
    *,
    port: int = 0,
    told: Told | None = None,
    api: str = "api",
    versions: Path | None = None,
    external: External | None = None,
) -> Stack:
    settings = EmbeddedSettings(
        data=data,
        port=port,
        environment={**os.environ, "FORKPOINT_MIGRATION_URL": "", "SEEN": "yes"},
        external=External() if external is None else external,
    )
    heard: Told = [] if told is None else told
    return Stack(
        settings,
        durable=False,
        commands=tiny_commands(api=api, versions=versions),
        tell=lambda name, words, seconds: heard.append((name, words)),
    )


def answer_of(url: str) -> Mapping[str, object]:
    with urllib.request.urlopen(f"{url}/", timeout=5) as response:
        return json.load(response)


def kill(stack: Stack, name: str) -> None:
    process = stack.child(name).process
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@dataclass
class Watched:
    """A stack that tests of this module share, what it told, and its supervisor's clock."""

    stack: Stack
    told: Told
    now: float = 0.0

    def tend(self, after: float = LONG_AFTER) -> None:
        """Let the supervisor look again, that many seconds later."""
        self.now += after
        self.stack.tend(now=self.now)

    def heal(self, name: str) -> None:
        """Kill a part, and look until it was started again: Postgres may need some attempts."""
        kill(self.stack, name)
        del self.told[:]
        for _ in range(20):
            self.tend()
            if (name, "started again") in self.told:
                break


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    told: Told = []
    with tiny_stack(tmp_path_factory.mktemp("watched"), told=told) as running:
        assert told == [
            ("valkey", "on a unix socket"),
            ("postgres", "on a unix socket"),
            ("blobs", str(running.databases.layout.blobs)),
            ("schema", "upgraded"),
            ("api", running.url),
            ("worker", "waits for jobs"),
        ]
        yield Watched(running, told)


@pytest.fixture
def told() -> Told:
    return []


def test_the_api_gets_its_own_role_and_never_the_password_of_the_owner(watched: Watched):
    environment = answer_of(watched.stack.url)["environment"]

    assert isinstance(environment, dict)
    assert "//fp_api:" in environment["FORKPOINT_DATABASE_URL"]
    assert "FORKPOINT_MIGRATION_URL" not in environment
    assert environment["SEEN"] == "yes"


def test_the_worker_gets_a_role_of_its_own(watched: Watched):
    assert "//fp_worker:" in watched.stack.environment("worker")["FORKPOINT_DATABASE_URL"]


def test_the_migrations_ran_before_the_api_started(watched: Watched):
    postgres = watched.stack.databases.postgres

    version = postgres.run_sql("select version_num from alembic_version", database="forkpoint")
    assert version == "tiny-1"


@pytest.mark.parametrize("name", ["api", "worker", "postgres", "valkey"])
def test_a_part_that_was_killed_is_started_again(watched: Watched, name: str):
    before = watched.stack.child(name).process.pid

    watched.heal(name)

    assert watched.stack.child(name).process.pid != before
    assert watched.stack.child(name).is_running()
    postgres = watched.stack.databases.postgres
    assert postgres.run_sql("select 1", database="forkpoint", role="api") == "1"


def test_nothing_is_started_again_before_its_delay_is_over(watched: Watched):
    watched.tend()
    kill(watched.stack, "worker")

    watched.tend(after=0.0)
    watched.tend(after=0.2)
    assert not watched.stack.child("worker").is_running()
    watched.tend(after=0.1)
    assert watched.stack.child("worker").is_running()


def test_a_crash_loop_ends_the_stack_and_shows_the_log(tmp_path: Path):
    with (
        tiny_stack(tmp_path) as stack,
        pytest.raises(PartFailed, match="worker keeps ending, last with status -9"),
    ):
        for moment in (0, 10, 20, 30, 40):
            kill(stack, "worker")
            stack.tend(now=moment)
            stack.tend(now=moment + 5)


def test_an_api_that_dies_while_starting_fails_the_start_with_its_last_words(tmp_path: Path):
    with pytest.raises(PartFailed, match="api ended with status 1") as failure:
        tiny_stack(tmp_path, api="dying").start()

    assert "this program always dies" in failure.value.tail
    assert list((tmp_path / "pids").iterdir()) == []


def test_a_taken_port_is_named_before_anything_is_started(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} on 127.0.0.1 is taken .* --port N"):
            tiny_stack(tmp_path / "data", port=port).start()

    assert not (tmp_path / "data").exists()


def test_an_external_service_is_named_without_its_password(tmp_path: Path, told: Told):
    external = External(
        redis_url="redis://:secret@cache.example:6379", s3_endpoint="http://s3:9000"
    )

    with tiny_stack(tmp_path, told=told, external=external):
        assert ("valkey", "at cache.example:6379") in told
        assert ("blobs", "at s3:9000") in told


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    directory = tmp_path / "versions"
    directory.mkdir()
    (directory / "0001_first.py").write_text("revision = 'tiny-1'\n")
    return directory


def schema_words(data: Path, versions: Path, *, damage: Callable[[Stack], None]) -> list[str]:
    """What two starts say of the schema; `damage` is done between them."""
    told: Told = []
    with tiny_stack(data, told=told, versions=versions) as first:
        damage(first)
    with tiny_stack(data, told=told, versions=versions):
        return [words for name, words in told if name == "schema"]


def test_a_second_start_runs_no_migrations(tmp_path: Path, versions: Path):
    words = schema_words(tmp_path / "data", versions, damage=lambda stack: None)

    assert words == ["upgraded", "is current"]


def test_a_new_migration_file_is_run(tmp_path: Path, versions: Path):
    new = versions / "0002_second.py"

    assert schema_words(tmp_path / "data", versions, damage=lambda stack: new.touch()) == [
        "upgraded",
        "upgraded",
    ]


def test_a_replaced_database_is_upgraded_whatever_the_stamp_says(tmp_path: Path, versions: Path):
    def replace(stack: Stack) -> None:
        stack.databases.postgres.run_sql("drop database forkpoint with (force)")
        stack.databases.postgres.create_database("forkpoint")

    assert schema_words(tmp_path / "data", versions, damage=replace) == ["upgraded", "upgraded"]


def test_migrations_that_fail_stop_the_start(tmp_path: Path):
    stack = tiny_stack(tmp_path)
    with stack.databases as databases:
        databases.postgres.run_sql("create view alembic_version as select 1", database="forkpoint")

    with pytest.raises(EmbeddedError, match="migrate ended with status 1"):
        tiny_stack(tmp_path).start()
