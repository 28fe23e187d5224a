"""`capture`, `replay` and forks of a program that runs as a child, as a user types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import cast

import msgspec
import pytest
from forkpoint.bundle import write_bundle
from forkpoint_cli.sources import open_bundle

PROGRAM = """
import sys
from pathlib import Path
import forkpoint

@forkpoint.tool(effect="read")
def look(place):
    with Path(sys.argv[1]).open("a") as log:
        log.write("look\\n")
    return {"place": place, "bottles": 3}

@forkpoint.model(name="adder")
def add(messages):
    with Path(sys.argv[1]).open("a") as log:
        log.write("add\\n")
    return f"there are {messages[0]['bottles'] + 1}"

with forkpoint.run("bottles") as run:
    seen = look(sys.argv[2] if len(sys.argv) > 2 else "cellar")
    answer = add(messages=[seen])
    run.set_output(answer)
    print(answer)
"""
REACH_OUT = 'socket.create_connection(("127.0.0.1", 9))'
LIVE = {
    "policy": "forkpoint.policy/1",
    "default": {"mode": "cached", "on_miss": ["live"]},
    "allow_live": {"hosts": ["127.0.0.1"]},
    "budgets": {"calls": 5, "tokens": 1000, "cost_usd": 1, "wall_s": 60},
}


class Shell:
    """Types commands as a user does: another process, real exit statuses."""

    def __init__(self, url: str, folder: Path) -> None:
        self.environment = {
            **os.environ,
            "FORKPOINT_URL": url,
            "FORKPOINT_DATA": str(folder / "data"),
        }
        self.program = folder / "program.py"
        self.program.write_text(PROGRAM)
        self.log = folder / "bodies.log"
        (folder / "policy.json").write_text(json.dumps(LIVE))
        self.policy = folder / "policy.json"

    def type(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from forkpoint_cli.main import main; main()"]
        return subprocess.run(
            [*command, *map(str, words)],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def child(self, *words: str) -> list[str | Path]:
        return ["--", sys.executable, self.program, self.log, *words]

    def bodies(self) -> list[str]:
        return self.log.read_text().split()


@pytest.fixture(scope="module")
def shell(server: str, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(server, tmp_path_factory.mktemp("shell"))


@pytest.fixture(scope="module")
def run(shell: Shell) -> str:
    """A run made by `forkpoint capture`."""
    done = shell.type("capture", *shell.child())
    assert (done.returncode, done.stdout) == (0, "there are 4\n"), done.stderr
    return done.stderr.strip().rpartition("/")[2]


def test_capture_says_which_run_it_made(shell: Shell, run: str):
    shown = json.loads(shell.type("runs", "show", run, "--json").stdout)

    assert (shown["name"], shown["status"]) == ("bottles", "OK")
    assert [(step["kind"], step["name"]) for step in shown["steps"]] == [
        ("TOOL", "look"),
        ("MODEL", "adder"),
    ]


def test_an_exact_replay_runs_no_body_and_leaves_0(shell: Shell, run: str):
    before = shell.bodies()
    done = shell.type("replay", run, "--json", *shell.child())
    report = json.loads(done.stdout)

    assert (done.returncode, report["verdict"], report["matched"]) == (0, "identical", 2)
    assert shell.bodies() == before


def test_a_replay_is_a_run_of_the_service_with_its_verdict(shell: Shell, run: str):
    done = shell.type("replay", run, *shell.child())
    made = next(word for word in done.stderr.split() if "/runs/" in word).rpartition("/")[2]
    shown = json.loads(shell.type("runs", "show", made, "--json").stdout)

    assert (shown["verdict"], shown["origin"]["runId"]) == ("IDENTICAL", run)
    assert [step["replay"]["mode"] for step in shown["steps"]] == ["EXACT", "EXACT"]


def test_another_argument_is_a_divergence_and_leaves_1(shell: Shell, run: str):
    done = shell.type("replay", run, *shell.child("attic"))

    assert done.returncode == 1
    assert "input_changed" in done.stdout
    assert "- cellar" in done.stdout
    assert "+ attic" in done.stdout


def test_a_fork_goes_on_from_an_edited_answer(shell: Shell, run: str, tmp_path: Path):
    edit = tmp_path / "seen.json"
    edit.write_text('{"place": "cellar", "bottles": 9}')
    before = shell.bodies()
    words = ["--policy", shell.policy, "--at", "0", "--edit", f"output=@{edit}"]

    done = shell.type("replay", run, *words, *shell.child())

    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "there are 10")
    assert "forked" in done.stdout
    assert shell.bodies() == [*before, "add"]


def test_a_bundle_replays_without_a_service(shell: Shell, run: str, tmp_path: Path):
    bundle = tmp_path / "bottles.fpb"
    shell.type("bundle", "create", run, bundle)
    alone = Shell("http://127.0.0.1:9", tmp_path)

    done = alone.type("replay", bundle, *alone.child())

    assert done.returncode == 0, done.stderr
    assert "identical" in done.stdout
    assert "kept here until the service answers" in done.stderr


def test_a_recording_signed_otherwise_cannot_be_compared_and_leaves_125(
    shell: Shell, run: str, tmp_path: Path
):
    shell.type("bundle", "create", run, tmp_path / "ours.fpb")
    recorded = open_bundle(tmp_path / "ours.fpb").recorded
    start = msgspec.structs.replace(recorded.start, signature_codec="sig/0")
    foreign = tmp_path / "foreign.fpb"
    write_bundle(foreign, start, recorded.end, recorded.events, recorded.blocks)

    done = shell.type("replay", foreign, *shell.child())

    assert done.returncode == 125, done.stderr
    assert "sig/0" in done.stderr


def test_a_program_that_reaches_out_in_a_replay_is_stopped(shell: Shell, run: str, tmp_path: Path):
    program = tmp_path / "curious.py"
    program.write_text(
        "import socket" + PROGRAM.replace("    seen =", f"    {REACH_OUT}\n    seen =")
    )
    done = shell.type("replay", run, "--", sys.executable, program, shell.log)

    assert done.returncode == 1, done.stderr
    assert "guard_network" in done.stdout


def test_wrong_usage_leaves_2(shell: Shell, run: str):
    for words in (
        ["replay", run, "--edit", "fail=429", *shell.child()],
        ["replay", run, "--at", "99", "--edit", "fail=429", *shell.child()],
        ["replay", run, "--", "no-such-program-anywhere"],
        ["runs", "show", "ffffffff"],
        ["runs", "list", "--first", "0"],
    ):
        done = shell.type(*cast("list[str]", words))
        assert done.returncode == 2, words
        assert done.stderr.strip(), words
