"""Other processes of a run: their calls have the same keys, and the same answers in a replay."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from forkpoint.bundle import write_bundle
from forkpoint.capture.joining import Context
from forkpoint.capture.spool import Position, RecordType, SpoolReader
from forkpoint.content.blocks import digest_of
from forkpoint.errors import UsageError
from forkpoint.events.model import Event, RunEnd, RunStart, StepStarted

PARENT = """
import subprocess, sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
import forkpoint

@forkpoint.tool(effect="read")
def look(number):
    print("ran", number, file=sys.stderr)
    return number * 10

def work(number):
    return look(number) + look(number + 1)

def child(number, pipe):
    pipe.send(work(number))

def in_process(how):
    ours, theirs = get_context(how).Pipe()
    process = get_context(how).Process(target=child, args=(5, theirs))
    process.start()
    theirs.close()
    got = ours.recv()
    process.join()
    return got

def one_process():
    return in_process("fork")

def in_pool(how):
    with ProcessPoolExecutor(2, mp_context=get_context(how)) as pool:
        return list(pool.map(work, range(4)))

def in_stock_pool(how):
    with get_context(how).Pool(2) as pool:
        found = [pool.apply(work, (7,)), pool.map(work, range(3)), list(pool.imap(work, range(2)))]
        found += pool.starmap(work, [(8,), (9,)])
        pool.close()
        pool.join()
        return found

def forked():
    return [in_process("fork"), in_pool("fork"), in_stock_pool("fork")]

def spawned():
    return [in_process("spawn"), in_pool("spawn"), in_stock_pool("spawn")]

def in_program():
    done = subprocess.run([sys.executable, sys.argv[2]], capture_output=True, text=True)
    sys.stderr.write(done.stderr)
    return done.stdout.strip()

if __name__ == "__main__":
    with forkpoint.run("parent") as run:
        answer = repr([look(1), globals()[sys.argv[1]](), look(2)])
        print(answer)
        run.set_output(answer)
    forkpoint.flush()
"""
CHILD = """
import sys
import forkpoint

@forkpoint.tool(effect="read")
def look(number):
    print("ran", number, file=sys.stderr)
    return number * 10

with forkpoint.run("child"):
    print(look(7) + look(int(sys.argv[1]) if len(sys.argv) > 1 else 8))
forkpoint.flush()
"""
EVERY_WAY = (
    "r/1.child.0#0",
    "r/1.work.3#1",
    "r/1.work.4#0",
    "r/1.work.8/0.work.1#1",
    "r/1.work.10#1",
)
"""A key of a `Process`, an executor, and `apply`, `imap` and `starmap` of a pool."""
WAYS = {"forked": EVERY_WAY, "spawned": EVERY_WAY, "in_program": ("r/1.child.0#0.1",)}
PROGRAMS = Path(sys.executable).name


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    (folder / "parent.py").write_text(PARENT)
    (folder / "child.py").write_text(CHILD)
    return folder


def ran(folder: Path, way: str, home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(folder / "parent.py"), way, str(folder / "child.py")],
        env={
            **os.environ,
            "FORKPOINT_DATA": str(home / "data"),
            "FORKPOINT_SPOOL": str(home / "spool"),
            **environ,
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


def spooled(home: Path, bundle: Path) -> list[StepStarted]:
    """Write what all processes recorded as one bundle; the steps of it."""
    starts: list[RunStart] = []
    ends: list[RunEnd] = []
    bodies: dict[bytes, bytes] = {}
    ranked: list[tuple[int, int, int, Event]] = []
    for number, folder in enumerate(sorted((home / "spool").iterdir())):
        latest = 0
        for record in SpoolReader(folder).read(Position(), limit=1 << 30)[0]:
            if record.type is RecordType.RUN_START:
                starts.append(msgspec.json.decode(record.payload, type=RunStart))
            elif record.type is RecordType.RUN_END:
                ends.append(msgspec.json.decode(record.payload, type=RunEnd))
            elif record.type is RecordType.BLOCK:
                bodies[digest_of(record.payload)] = record.payload
            elif record.type is RecordType.EVENT:
                event = msgspec.json.decode(record.payload, type=Event)
                latest = max(latest, event.time_ns)
                ranked.append((latest, number, event.sequence_no, event))
    events = [event for *_, event in sorted(ranked, key=lambda one: one[:3])]
    assert (len(starts), len(ends)) == (1, 1)
    write_bundle(bundle, starts[0], ends[0], enumerate(events), bodies)
    return [event for event in events if isinstance(event, StepStarted)]


@pytest.mark.parametrize("way", WAYS)
def test_remote_strand(programs: Path, tmp_path: Path, way: str):
    first = ran(programs, way, tmp_path)
    recorded = spooled(tmp_path, tmp_path / "run.fpb")
    again = tmp_path / "again"
    again.mkdir()
    policy = {"policy": "forkpoint.policy/1", "allow_subprocess": [PROGRAMS]}
    spec = {"session": "s", "report": str(again / "report.json"), "policy": policy}
    (again / "spec.json").write_text(json.dumps(spec))

    second = ran(
        programs,
        way,
        again,
        FORKPOINT_REPLAY=str(tmp_path / "run.fpb"),
        FORKPOINT_REPLAY_SPEC=str(again / "spec.json"),
        FORKPOINT_REDACT_KEY_FILE=str(tmp_path / "data" / "keys" / "redact.key"),
    )

    replayed = spooled(again, again / "run.fpb")
    report: dict[str, Any] = json.loads((again / "report.json").read_text())
    assert report["divergences"] == []
    assert (second.stdout, report["verdict"]) == (first.stdout, "identical")
    assert ("ran" in first.stderr, second.stderr) == (True, "")
    assert sorted(step.key for step in replayed) == sorted(step.key for step in recorded)
    assert {step.key for step in recorded}.issuperset(WAYS[way])
    assert report["matched"] == report["recorded"] == len(recorded)


def test_a_divergence_in_another_process_is_one_of_the_run(programs: Path, tmp_path: Path):
    ran(programs, "one_process", tmp_path)
    spooled(tmp_path, tmp_path / "run.fpb")
    changed = programs / "changed.py"
    changed.write_text(PARENT.replace("look(number + 1)", "look(number + 2)"))
    report = tmp_path / "report.json"
    (tmp_path / "spec.json").write_text(json.dumps({"session": "s", "report": str(report)}))

    subprocess.run(
        [sys.executable, str(changed), "one_process"],
        env={
            **os.environ,
            "FORKPOINT_DATA": str(tmp_path / "data"),
            "FORKPOINT_SPOOL": str(tmp_path / "other"),
            "FORKPOINT_REPLAY": str(tmp_path / "run.fpb"),
            "FORKPOINT_REPLAY_SPEC": str(tmp_path / "spec.json"),
        },
        capture_output=True,
        check=False,
        timeout=60,
    )

    found = json.loads(report.read_text())
    assert found["verdict"] == "diverged"
    assert found["failedStep"]["key"] == "r/1.child.0#1"
    assert found["failedStep"]["reason"] == "input_changed"


def test_a_context_that_is_none_is_refused():
    context = Context(run="01", strand="r/1.x.0", writer=3, step=None, shared="/x")

    assert Context.read(context.text()) == context
    with pytest.raises(UsageError):
        Context.read("something else")
