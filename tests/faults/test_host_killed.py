"""Kill -9 of recording hosts under load: what was acknowledged is stored, once, without holes.

`FORKPOINT_FAULT_ROUNDS` rounds (default 1), each with hosts of its own on one data folder; the seed
is printed and may be given as `FORKPOINT_FAULT_SEED`.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from faults.recording_host import text_of
from faults.rounds import luck, rounds
from forkpoint.content import decode, digest_from_text
from forkpoint.events.model import Gap, StepEnded, StepStarted
from forkpoint_cli.client import Service
from forkpoint_cli.recordings import Recorded, download
from forkpoint_cli.settings import Settings

HOST = Path(__file__).with_name("recording_host.py")
HOSTS = 3
ROUNDS = rounds(1)
pytestmark = pytest.mark.timeout(120 + 60 * ROUNDS)
LOAD_S = (1.0, 3.0)
"""How long a host works before it is killed; drawn evenly."""
LAST_MOMENT_NS = 2_000_000_000
"""What the last moment is here: 100 ms on a machine with time for the background thread."""
HEALER = """
import forkpoint
with forkpoint.run("the next process"):
    pass
assert forkpoint.flush(60)
"""


@dataclass(slots=True)
class Said:
    """What a host wrote down before it was killed."""

    run: str = ""
    made: dict[int, int] = field(default_factory=dict[int, int])
    acked: int = -1

    @classmethod
    def read(cls, log: Path) -> Said:
        said = cls()
        for line in log.read_text().splitlines():
            match line.split():
                case ["run", run]:
                    said.run = run
                case ["made", number, at]:
                    said.made[int(number)] = int(at)
                case ["acked", number]:
                    said.acked = int(number)
        return said


def test_a_killed_host_loses_its_last_moment_and_nothing_else(server: str, tmp_path: Path) -> None:
    drawn = luck()
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        environment = os.environ | {"FORKPOINT_URL": server, "FORKPOINT_DATA": str(folder / "data")}

        kill_hosts(folder, environment, drawn)
        heal(environment)

        for host in range(HOSTS):
            said = Said.read(folder / f"{host}.log")
            check(said, download(Service(Settings(url=server)), said.run))
        # a host may have been killed while it took away the folder of one killed before
        assert list((folder / "data" / "spool").glob("*/*.seg")) == []
        assert not (folder / "data" / "rejected").exists()


def kill_hosts(folder: Path, environment: dict[str, str], drawn: random.Random) -> None:
    """Start hosts that share a data folder, and kill each after a time of its own."""
    logs = [folder / f"{host}.log" for host in range(HOSTS)]
    hosts = [subprocess.Popen([sys.executable, HOST, log], env=environment) for log in logs]
    try:
        for log, host in zip(logs, hosts, strict=True):
            wait_until_it_works(log, host)
        began = time.monotonic()
        ends = sorted((drawn.uniform(*LOAD_S), host.pid, host) for host in hosts)
        for after, _, host in ends:
            time.sleep(max(0.0, began + after - time.monotonic()))
            assert host.poll() is None
            host.kill()
    finally:
        for host in hosts:
            host.kill()
            assert host.wait() == -signal.SIGKILL


def wait_until_it_works(log: Path, host: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not log.exists() or b"made" not in log.read_bytes():
        assert host.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


def heal(environment: dict[str, str]) -> None:
    """The next process on the same folder sends what the dead ones left."""
    done = subprocess.run(
        [sys.executable, "-c", HEALER],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def check(said: Said, stored: Recorded) -> None:
    """The oracle; what it finds is said with the run and the number of the event."""
    events = [event for _, event in stored.events]
    last = max(said.made, default=-1)

    # nothing twice, no hole, each in its place
    assert [seq for seq, _ in stored.events] == list(range(len(events))), said.run
    assert [event.sequence_no for event in events] == list(range(len(events))), said.run
    assert not [event for event in events if isinstance(event, Gap)], said.run

    # nothing that was never sent: the call in progress when it died may be there
    started = [number_of(event) for event in events if isinstance(event, StepStarted)]
    assert started == list(range(len(started))), said.run
    assert len(started) <= last + 2, said.run
    ends = {event.step_id: event for event in events if isinstance(event, StepEnded)}
    for event in events:
        if isinstance(event, StepStarted):
            assert_payload(event, ends.get(event.step_id), stored)

    # all that was acknowledged, and all but the last moment
    assert len(ends) > said.acked, said.run
    lost = [number for number in said.made if number >= len(ends)]
    assert all(said.made[last] - said.made[number] < LAST_MOMENT_NS for number in lost), said.run


def number_of(step: StepStarted) -> int:
    return int(step.key.removeprefix("r#"))


def assert_payload(step: StepStarted, end: StepEnded | None, stored: Recorded) -> None:
    """A step's payload is what the host gave for that number."""
    number = number_of(step)
    given = {"number": number, "text": text_of(number)}
    assert [value(ref.root, stored) for ref in step.artifacts] == [given]
    if end is not None:
        came = {"found": number, "text": text_of(number)}
        outputs = [ref.root for ref in end.artifacts if ref.role == "output"]
        assert [value(root, stored) for root in outputs] == [came]


def value(root: str | None, stored: Recorded) -> object:
    assert root is not None
    return decode(
        digest_from_text(root),
        lambda wanted: {one: stored.blocks[one] for one in wanted if one in stored.blocks},
    )
