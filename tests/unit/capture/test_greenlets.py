"""gevent: greenlets belong to the run that started them, and replay as threads and tasks do.

Each program is a process of its own: gevent patches the interpreter it runs in.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

RECORD = """
from gevent import monkey
monkey.patch_all()
import random, sys, time, uuid
from pathlib import Path
import gevent, forkpoint
from forkpoint.testing.memory import recorded

@forkpoint.tool(effect="read")
def look_up(number):
    print("ran", number, file=sys.stderr)
    gevent.sleep(random.random() / 100)
    return number * 10

def part(number):
    return [look_up(number), look_up(number + 100)]

def agent():
    with forkpoint.run("greenlets") as run:
        jobs = [gevent.spawn(part, number) for number in range(6)]
        jobs.append(gevent.spawn(look_up, 7))  # called by no Python function
        sleeper = gevent.spawn(time.sleep, 0.001)
        drawer = gevent.spawn(uuid.uuid4)
        answer = repr([job.get() for job in jobs])
        gevent.joinall([sleeper, drawer], raise_error=True)
        run.set_output(answer)
    return answer
"""
SAVE = """
with recorded() as memory:
    print(agent())
memory.write_bundle(Path(sys.argv[1]))
assert memory.recorder.counters.losses() == {}
"""
REPLAY = """
print(agent())
forkpoint.flush()
"""


def ran(text: str, home: Path, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RECORD + text, *args],
        env=os.environ | {"FORKPOINT_DATA": str(home / "data")} | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_greenlets_have_strands_of_the_run_and_replay_identical(tmp_path: Path) -> None:
    bundle, report = tmp_path / "run.fpb", tmp_path / "report.json"
    first = ran(SAVE, tmp_path, str(bundle))
    (tmp_path / "spec.json").write_text(json.dumps({"session": "s", "report": str(report)}))

    second = ran(
        REPLAY,
        tmp_path,
        FORKPOINT_SPOOL=str(tmp_path / "spool"),
        FORKPOINT_REPLAY=str(bundle),
        FORKPOINT_REPLAY_SPEC=str(tmp_path / "spec.json"),
    )

    found = json.loads(report.read_text())
    assert (first.stderr.count("ran"), second.stderr) == (13, "")
    assert (second.stdout, found["verdict"], found["matched"]) == (first.stdout, "identical", 13)
