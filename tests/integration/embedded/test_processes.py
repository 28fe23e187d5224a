"""Leftovers of a killed supervisor, on systems whose kernel does not tell children."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from forkpoint_server.embedded.lock import take_directory
from forkpoint_server.embedded.paths import DataLayout
from forkpoint_server.embedded.processes import (
    ProcessMark,
    mark_of,
    parse_mark,
    stop_leftovers,
    write_pid_file,
)


@pytest.fixture
def stranger():
    """A process that ends only when it is told."""
    command = [sys.executable, "-c", "import signal; signal.pause()"]
    with subprocess.Popen(command) as process:
        yield process
        process.kill()


def test_a_leftover_is_ended_with_its_own_signal(tmp_path: Path, stranger: subprocess.Popen[bytes]):
    path = tmp_path / "api.pid"
    write_pid_file(path, mark_of(stranger.pid), stop_signal=signal.SIGUSR1)

    assert stop_leftovers(tmp_path, seconds=10) == ["api"]
    assert stranger.wait() == -signal.SIGUSR1


def test_a_process_that_only_has_the_same_number_is_left_alone(
    tmp_path: Path, stranger: subprocess.Popen[bytes]
):
    other = ProcessMark(stranger.pid, "another moment")
    write_pid_file(tmp_path / "api.pid", other, stop_signal=signal.SIGTERM)

    assert stop_leftovers(tmp_path, seconds=0) == []
    assert stranger.poll() is None
    assert not (tmp_path / "api.pid").exists()


def test_a_mark_survives_being_written(stranger: subprocess.Popen[bytes]):
    assert parse_mark(mark_of(stranger.pid).text()).is_alive()


def test_a_zombie_is_not_alive(stranger: subprocess.Popen[bytes]):
    mark = mark_of(stranger.pid)
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as ended:
        assert ended.stdout is not None
        zombie = mark_of(ended.pid)
        ended.stdout.read()  # it closes its end as it ends; nobody has waited for it yet
        ended.wait()

    assert mark.is_alive()
    assert not zombie.is_alive()


SLOW = """
import pathlib, signal, sys, time
def end(number, frame):
    time.sleep(1)  # as a checkpoint to a slow disk would take
    pathlib.Path(sys.argv[1]).write_text("in order")
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("holds the lock", flush=True)
signal.pause()
"""


def test_an_orphan_that_ends_slowly_is_waited_for_and_never_killed(tmp_path: Path):
    layout = DataLayout(tmp_path)
    layout.create()
    word = tmp_path / "word"
    with layout.lock.open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        orphan = subprocess.Popen(
            [sys.executable, "-c", SLOW, str(word)],
            stdout=subprocess.PIPE,
            pass_fds=[lock.fileno()],
        )
    with orphan:
        assert orphan.stdout is not None
        orphan.stdout.readline()
        mark = mark_of(orphan.pid)
        write_pid_file(layout.pids / "postgres.pid", mark, stop_signal=signal.SIGTERM)
        taken = take_directory(layout)

    assert word.read_text() == "in order"
    assert orphan.returncode == 0
    taken.release()
