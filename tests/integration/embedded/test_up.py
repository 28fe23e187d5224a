"""`up`, `down` and `status` as processes: ends in order, no orphans, one stack a directory."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from embedded_programs import marks_of, program_environment, wait_until_gone
from forkpoint_server.embedded import Embedded
from forkpoint_server.embedded.commands import NOT_RUNNING, down, status, up_detached
from forkpoint_server.embedded.lock import current_holder
from forkpoint_server.embedded.paths import DataLayout
from forkpoint_server.embedded.report import Report
from forkpoint_server.embedded.settings import EmbeddedSettings
from forkpoint_server.embedded.state import read_state

HOLDER = Path(__file__).with_name("hold_stack.py")
PARTS = {"api", "postgres", "valkey", "worker"}


@contextmanager
def running_up(data: Path, *arguments: str, port: str = "0") -> Iterator[subprocess.Popen[str]]:
    """`up` in a session of its own, as in a terminal of its own."""
    with subprocess.Popen(
        [sys.executable, str(HOLDER), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=program_environment(FORKPOINT_DATA=str(data), FORKPOINT_PORT=port),
    ) as process:
        yield process
        if process.poll() is None:
            process.terminate()


def read_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if words in line:
            return seen
    raise AssertionError(f"{words!r} was never said, but: {seen}")


@pytest.fixture
def layout(tmp_path: Path) -> DataLayout:
    return DataLayout(tmp_path)


@pytest.fixture
def spoken() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def report(spoken: io.StringIO) -> Report:
    return Report(spoken, coloured=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_terminal_ends_everything_in_order(layout: DataLayout, number: int):
    with running_up(layout.root) as supervisor:
        read_until(supervisor, "Ctrl-C")
        parts = marks_of(layout)
        os.killpg(supervisor.pid, number)
        assert "everything is kept" in read_until(supervisor, "Stopped")
        assert supervisor.wait() == 0

    assert parts.keys() == PARTS
    assert not any(part.is_alive() for part in parts.values())
    assert "database system is shut down" in layout.log("postgres").read_text()
    assert read_state(layout) is None


def test_kill_9_of_the_supervisor_leaves_no_orphan_and_loses_nothing(layout: DataLayout):
    with running_up(layout.root) as supervisor:
        read_until(supervisor, "Ctrl-C")
        parts = marks_of(layout)
        supervisor.kill()

    wait_until_gone(parts.values())
    assert parts.keys() == PARTS
    with Embedded(layout.root) as databases:
        sql = "select version_num from alembic_version"
        assert databases.postgres.run_sql(sql, database="forkpoint") == "tiny-1"


def test_a_second_up_says_where_the_first_one_runs(layout: DataLayout):
    with running_up(layout.root) as first:
        read_until(first, "Ctrl-C")
        running = read_state(layout)
        with running_up(layout.root) as second:
            assert running is not None
            assert running.url in read_until(second, "already running")
            assert second.wait() == 0
        assert first.poll() is None


def test_up_fails_with_the_end_of_the_log_of_what_failed(layout: DataLayout):
    with running_up(layout.root, "dying") as supervisor:
        said = read_until(supervisor, "error:")
        assert supervisor.wait() == 2

    assert "| this program always dies" in said
    assert "api ended with status 1 while starting" in said


def test_detached_it_stays_until_down(layout: DataLayout, report: Report, spoken: io.StringIO):
    environment = program_environment()
    settings = EmbeddedSettings(data=layout.root, port=0, environment=environment)
    command = (sys.executable, str(HOLDER))

    assert up_detached(settings, report, supervisor_command=command) == 0
    assert up_detached(settings, report, supervisor_command=command) == 0
    parts = marks_of(layout)
    assert status(settings, report, as_json=True) == 0
    assert down(settings, report) == 0
    assert status(settings, report, as_json=False) == NOT_RUNNING

    lines = spoken.getvalue().splitlines()
    url = json.loads(lines[2])["url"]
    assert lines[:2] == [
        f"Forkpoint is up at {url}; `forkpoint down` ends it.",
        f"already running at {url}",
    ]
    assert lines[3:] == ["Stopped; everything is kept.", f"nothing runs in {layout.root}"]
    assert parts.keys() == PARTS
    assert not any(part.is_alive() for part in parts.values())


def test_down_without_a_stack_is_not_an_error(tmp_path: Path, report: Report, spoken: io.StringIO):
    assert down(EmbeddedSettings(data=tmp_path), report) == 0
    assert spoken.getvalue() == f"nothing runs in {tmp_path}\n"


def test_a_state_file_of_a_killed_stack_means_nothing(layout: DataLayout):
    layout.state.write_text(json.dumps({"url": "http://x", "pid": os.getpid(), "began": "1"}))

    assert read_state(layout) is None


def test_a_starting_stack_holds_its_directory(tmp_path: Path):
    with Embedded(tmp_path, durable=False) as databases:
        holder = current_holder(databases.layout)

    assert holder is not None
    assert holder.number == os.getpid()
