"""`forkpoint runs delete` against a real service: what goes, what stays, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from forkpoint.capture.collector import HttpCollector
from forkpoint.events import wire
from forkpoint.events.ids import RunId, run_id
from forkpoint.events.kinds import RunStatus
from forkpoint.events.model import RunEnd, RunStart
from forkpoint_cli.main import forkpoint

START_NS = 1_750_000_000_000_000_000


class Terminal:
    """Commands against one service."""

    def __init__(self, url: str, data: Path) -> None:
        self.url = url
        self.environment = {"FORKPOINT_URL": url, "FORKPOINT_DATA": str(data), "NO_COLOR": "1"}

    def run(self, *words: str | Path, answer: str | None = None) -> Result:
        return CliRunner().invoke(
            forkpoint,
            [str(word) for word in words],
            env=self.environment,
            standalone_mode=False,
            input=answer,
        )

    def names(self, name: str) -> int:
        found = self.run("runs", "list", "--name", name, "--json")
        return int(json.loads(found.stdout)["totalCount"])

    def record(self, name: str, *, day: int, finish: bool = True) -> RunId:
        started = START_NS + day * 86_400 * 10**9
        made = run_id(started, name.encode().ljust(9, b"_")[:9] + bytes([day]))
        collector = HttpCollector(self.url)
        start = RunStart(run_id=made, name=name, started_ns=started)
        collector.start(wire.encode(start), ())
        if finish:
            end = RunEnd(run_id=made, status=RunStatus.OK, ended_ns=started + 1, events={"0": 0})
            collector.finish(wire.encode(end), ())
        return made


@pytest.fixture(scope="module")
def terminal(server: str, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    return Terminal(server, tmp_path_factory.mktemp("deleting"))


def test_a_dry_run_changes_nothing(terminal: Terminal):
    terminal.record("dry", day=1)

    said = terminal.run("runs", "delete", "--name", "dry", "--dry-run")

    assert "to delete: 1 runs, 0 steps" in said.stdout
    assert terminal.names("dry") == 1


def test_a_deletion_that_is_not_confirmed_changes_nothing(terminal: Terminal):
    terminal.record("asked", day=1)

    terminal.run("runs", "delete", "--name", "asked", answer="n\n")

    assert terminal.names("asked") == 1


def test_the_newest_are_kept_and_the_figures_said(terminal: Terminal):
    for day in range(3):
        terminal.record("old", day=day)

    said = terminal.run("runs", "delete", "--name", "old", "--keep", "1", "--yes")

    assert "deleted 2 runs" in said.stdout
    left = json.loads(terminal.run("runs", "list", "--name", "old", "--json").stdout)
    assert [int(run["startedNs"]) for run in left["nodes"]] == [START_NS + 2 * 86_400 * 10**9]


def test_a_bundle_is_written_before_a_run_goes(terminal: Terminal, tmp_path: Path):
    made = terminal.record("kept", day=1)

    done = terminal.run("runs", "delete", made, "--export", tmp_path, "--yes", "--json")

    assert json.loads(done.stdout)["runs"] == 1
    assert terminal.run("bundle", "inspect", tmp_path / f"{made}.fpb").exit_code == 0
    assert terminal.names("kept") == 0


def test_a_run_that_still_records_is_left_alone(terminal: Terminal):
    made = terminal.record("busy", day=1, finish=False)

    done = terminal.run("runs", "delete", made, "--yes", "--json")

    assert json.loads(done.stdout) == {
        "dryRun": False,
        "runs": 0,
        "steps": 0,
        "storedBytes": 0,
        "running": 1,
    }
    assert terminal.names("busy") == 1
