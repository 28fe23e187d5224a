"""Whole processes: what a spool holds after exits, kills and forks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import orjson
from forkpoint.capture.spool import Position, Record, RecordType, SpoolReader
from forkpoint.capture.uplink import locked

PROGRAM = """
import forkpoint, os, sys, time
@forkpoint.tool(effect="pure")
def leaf(number):
    return {"number": number, "password": "hunter2"}
"""


def run_program(text: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM + text],
        env=os.environ | {"FORKPOINT_DATA": str(tmp_path / "data")} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def records(folder: Path) -> list[Record]:
    return [
        record
        for spool in sorted(folder.iterdir())
        for record in SpoolReader(spool).read(Position(), limit=1 << 30)[0]
    ]


def events(found: list[Record]) -> list[dict[str, object]]:
    return [orjson.loads(record.payload) for record in found if record.type is RecordType.EVENT]


def test_a_spool_only_process_leaves_its_whole_run_redacted_on_disk(tmp_path: Path) -> None:
    done = run_program(
        "with forkpoint.run('r'):\n  for n in range(50): leaf(n)",
        tmp_path,
        FORKPOINT_SPOOL=str(tmp_path / "spool"),
    )

    assert (done.returncode, done.stderr) == (0, "")
    found = records(tmp_path / "spool")
    assert [event["sequence_no"] for event in events(found)] == list(range(100))
    said = [record.type for record in found if record.type is not RecordType.BLOCK]
    assert (said[0], said[-1]) == (RecordType.RUN_START, RecordType.RUN_END)
    assert b"hunter2" not in b"".join(record.payload for record in found)
    key = tmp_path / "data" / "keys" / "redact.key"
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_killed_process_leaves_all_but_its_last_moment(tmp_path: Path) -> None:
    text = (
        "with forkpoint.run('r'):\n"
        "  for n in range(20): leaf(n)\n"
        "  time.sleep(0.5)\n"
        "  print('ready', flush=True)\n"
        "  time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM + text],
        env=os.environ
        | {"FORKPOINT_DATA": str(tmp_path), "FORKPOINT_SPOOL": str(tmp_path / "spool")},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)

    found = records(tmp_path / "spool")
    assert len(events(found)) == 40
    assert found[-1].type is not RecordType.RUN_END


def test_a_host_without_collector_ends_at_once_and_keeps_its_spool(tmp_path: Path) -> None:
    done = run_program(
        "with forkpoint.run('r'): leaf(1)\nprint(forkpoint.stats())",
        tmp_path,
        FORKPOINT_URL="http://127.0.0.1:9",
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert len(events(records(tmp_path / "data" / "spool"))) == 2


def test_what_was_lost_is_said_in_one_line_at_the_end(tmp_path: Path) -> None:
    done = run_program(
        "with forkpoint.run('r'):\n  for n in range(3000): leaf(n)",
        tmp_path,
        FORKPOINT_SPOOL=str(tmp_path / "spool"),
        FORKPOINT_QUEUE_EVENTS="5",
    )

    found = events(records(tmp_path / "spool"))
    gaps = [event for event in found if event["event_type"] == "gap"]
    lost = int(re.fullmatch(r"recording_incomplete events_lost=(\d+)\n", done.stderr)[1])
    assert lost == sum(gap["count"] for gap in gaps) > 0
    assert [event["sequence_no"] for event in found] == list(range(len(found)))


def test_a_program_that_becomes_another_leaves_what_it_recorded(tmp_path: Path) -> None:
    done = run_program(
        "with forkpoint.run('r'):\n  leaf(1)\n  forkpoint.flush()\n"
        "  os.execv(sys.executable, [sys.executable, '-c', 'print(1)'])",
        tmp_path,
        FORKPOINT_SPOOL=str(tmp_path / "spool"),
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
    [folder] = (tmp_path / "spool").iterdir()
    with locked(folder) as free:
        assert free
    assert len(events(records(tmp_path / "spool"))) == 2


def test_a_forked_child_is_a_writer_of_its_own_in_a_strand_of_its_own(tmp_path: Path) -> None:
    text = (
        "with forkpoint.run('r'):\n"
        "  leaf(0)\n"
        "  child = os.fork()\n"
        "  leaf(1)\n"
        "  if child == 0:\n"
        "    forkpoint.flush(); os._exit(0)\n"
        "  os.waitpid(child, 0)"
    )
    done = run_program(text, tmp_path, FORKPOINT_SPOOL=str(tmp_path / "spool"))

    assert (done.returncode, done.stderr) == (0, "")
    found = events(records(tmp_path / "spool"))
    started = {
        (event.get("writer", 0), event["sequence_no"], event["key"])
        for event in found
        if event["event_type"] == "step_started"
    }
    assert started == {(0, 0, "r#0"), (0, 2, "r#1"), (1, 0, "r/1.fork.0#0")}
    assert len({event["run_id"] for event in found}) == 1
    assert len(list((tmp_path / "spool").iterdir())) == 2


def test_a_switched_off_recorder_writes_nothing(tmp_path: Path) -> None:
    done = run_program(
        "with forkpoint.run('r') as run:\n  leaf(1); run.set_output(run.id)",
        tmp_path,
        FORKPOINT_DISABLED="1",
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "data").exists()


def test_importing_the_package_loads_nothing_heavy() -> None:
    check = (
        "import sys; before = set(sys.modules); import forkpoint\n"
        "heavy = {'asyncio', 'msgspec', 'orjson', 'urllib3', 'ssl', 'forkpoint.capture'}\n"
        "sys.exit(repr(heavy & (set(sys.modules) - before)) if heavy & (set(sys.modules) - before)"
        " else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_decorating_does_not_load_the_network_client(tmp_path: Path) -> None:
    done = run_program("sys.exit(0 if 'urllib3' not in sys.modules else 1)", tmp_path)

    assert done.returncode == 0, done.stderr
