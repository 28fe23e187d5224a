"""`forkpoint to-test`: what it writes is a test that pytest runs, also of the example agent."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from forkpoint.bundle import read_bundle
from integration.cli.test_replaying import Shell

from examples.agentdojo.model_server import make_app, serving

ROOT = Path(__file__).parents[2]
RUN = "gpt-4o-mini-2024-07-18-progent/banking/user_task_10/important_instructions/injection_task_1"


@pytest.fixture(scope="module")
def shell(server: str, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(server, tmp_path_factory.mktemp("shell"))


@pytest.fixture(scope="module")
def run(shell: Shell) -> str:
    return recorded(shell, *shell.child())


def recorded(shell: Shell, *words: str | Path) -> str:
    done = shell.type("capture", *words)
    assert done.returncode == 0, done.stderr
    return done.stderr.strip().rpartition("/")[2]


def pytest_of(shell: Shell, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "forkpoint.testing.plugin", *words, folder],
        cwd=ROOT,
        env={**shell.environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_real_agent_becomes_a_test_that_needs_no_model(shell: Shell, tmp_path: Path):
    agent = [sys.executable, "-m", "examples.agentdojo.agent", "--run", RUN]
    with serving(make_app()) as url:
        run = recorded(shell, "--", *agent, "--base-url", url)
    entry = ["--entry", "examples.agentdojo.agent:repeat"]
    done = shell.type(
        "to-test",
        run,
        "--to",
        tmp_path,
        "--name",
        "Paid?",
        "--expect",
        "/calls/get_scheduled_transactions",
        *entry,
    )

    assert done.returncode == 0, done.stderr
    with read_bundle(tmp_path / "runs" / "paid.fpb") as bundle:
        assert bundle.expect is not None
        assert bundle.expect["outcome"]["/calls/get_scheduled_transactions"] >= 1
    assert "forkpoint_replay(repeat)" in (tmp_path / "test_paid.py").read_text()
    outcome = pytest_of(shell, tmp_path)
    assert "2 passed" in outcome.stdout, outcome.stdout


def test_a_command_becomes_a_test_and_a_changed_program_fails_it(
    shell: Shell, run: str, tmp_path: Path
):
    program = tmp_path / "program.py"
    program.write_text(shell.program.read_text())
    words = ["--to", tmp_path, "--json", "--", sys.executable, program, shell.log]
    before = shell.bodies()
    made = json.loads(shell.type("to-test", run, *words).stdout)

    assert made["expect"] == {"/status": "ok", "/output": "there are 4"}
    assert "2 passed" in pytest_of(shell, tmp_path).stdout
    program.write_text(program.read_text().replace("messages=[seen]", "messages=[seen, 'please']"))
    said = pytest_of(shell, tmp_path).stdout
    assert "1 failed, 1 skipped" in said, said
    assert "test_bottles[prompts]" in said
    assert shell.bodies() == before


def test_a_run_that_does_not_repeat_becomes_no_test(shell: Shell, run: str, tmp_path: Path):
    done = shell.type("to-test", run, "--to", tmp_path / "t", *shell.child("attic"))

    assert done.returncode == 1
    assert "not identical: input_changed at r#0" in done.stderr
    assert not (tmp_path / "t").exists()


def test_a_run_with_answers_that_did_not_happen_becomes_no_test(
    shell: Shell, run: str, tmp_path: Path
):
    edit = 'output={"place": "cellar", "bottles": 9}'
    words = ["--policy", shell.policy, "--at", "0", "--edit", edit]
    fork = shell.type("replay", run, *words, *shell.child()).stderr
    forked = next(word for word in fork.split() if "/runs/" in word).rpartition("/")[2]
    done = shell.type("to-test", forked, "--to", tmp_path / "t", *shell.child())

    assert done.returncode == 1
    assert "answers that did not happen" in done.stderr
    assert not (tmp_path / "t").exists()


def test_files_that_are_there_and_wrong_usage_leave_2(shell: Shell, run: str, tmp_path: Path):
    (tmp_path / "test_bottles.py").write_text("mine")

    for words in (
        ["--to", tmp_path, *shell.child()],
        ["--to", tmp_path / "other"],
        ["--to", tmp_path / "other", "--entry", "no colon"],
        ["--to", tmp_path / "other", "--entry", "a:b", *shell.child()],
    ):
        assert shell.type("to-test", run, *words).returncode == 2, words
    assert (tmp_path / "test_bottles.py").read_text() == "mine"


def test_an_entry_point_that_is_not_there_leaves_125(shell: Shell, run: str, tmp_path: Path):
    for entry in ("no_such_module:main", "json:no_such_function"):
        done = shell.type("to-test", run, "--to", tmp_path / "t", "--entry", entry)

        assert done.returncode == 125, done.stderr
        assert "entrypoint_missing" in done.stderr
