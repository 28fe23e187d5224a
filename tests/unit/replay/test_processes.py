"""A program replayed as the command line does it: bundle, spec and spool in the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import forkpoint
import pytest
from forkpoint.bundle import write_bundle
from forkpoint.testing.memory import recorded

RUN = "01890000-0000-7000-8000-0000000000aa"
PROGRAM = """
import sys
import forkpoint

@forkpoint.tool(effect="write")
def act(word):
    print("executed", file=sys.stderr)
    return word.upper()

with forkpoint.run("agent") as run:
    answer = act(sys.argv[1])
    print(answer)
    run.set_output(answer)
"""


@forkpoint.tool(effect="write")
def act(word: str) -> str:
    return word.upper()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "run.fpb"
    with recorded() as tape:
        with forkpoint.run("agent") as run:
            run.set_output(act("word"))
        write_bundle(path, tape.run, tape.end, enumerate(tape.events), tape.sink.blocks)
    return path


@pytest.mark.parametrize(
    ("word", "spec", "said", "verdict", "exit_code"),
    [
        ("word", {}, "WORD\n", "identical", 0),
        ("other", {}, "", "diverged", 1),
        (
            "word",
            {"kind": "fork", "edits": [{"kind": "output", "key": "r#0", "value": "X"}]},
            "X\n",
            "forked",
            0,
        ),
        ("other", {"kind": "fork"}, "", "partial", 1),
    ],
)
def test_a_child_process_is_replayed_and_leaves_its_report(
    tmp_path: Path,
    bundle: Path,
    word: str,
    spec: dict[str, object],
    said: str,
    verdict: str,
    exit_code: int,
):
    program, report = tmp_path / "agent.py", tmp_path / "report.json"
    program.write_text(PROGRAM)
    asked = {"session": "s", "run_id": RUN, "report": str(report), **spec}
    (tmp_path / "spec.json").write_text(json.dumps(asked))

    child = subprocess.run(
        [sys.executable, program, word],
        env={
            **os.environ,
            "FORKPOINT_DATA": str(tmp_path / "data"),
            "FORKPOINT_SPOOL": str(tmp_path / "spool"),
            "FORKPOINT_REPLAY": str(bundle),
            "FORKPOINT_REPLAY_SPEC": str(tmp_path / "spec.json"),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    found = json.loads(report.read_text())
    assert (child.stdout, found["verdict"], found["exit"]) == (said, verdict, exit_code)
    assert "executed" not in child.stderr
