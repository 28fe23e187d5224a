"""`forkpoint replay --runs`: many runs against today's code, a table, an exit status for CI."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from integration.cli.test_replaying import Shell

ATTRIBUTES = ('run("bottles")', 'run("bottles", tags=["suite:bar"], attributes={"place": PLACE})')


@pytest.fixture(scope="module")
def shell(server: str, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Three runs of one program that differ in an argument."""
    made = Shell(server, tmp_path_factory.mktemp("shell"))
    place = 'PLACE = sys.argv[2] if len(sys.argv) > 2 else "cellar"\n'
    seen = ('look(sys.argv[2] if len(sys.argv) > 2 else "cellar")', "look(PLACE)")
    text = made.program.read_text().replace(*ATTRIBUTES).replace(*seen)
    made.program.write_text(text.replace("import forkpoint\n", "import forkpoint\n" + place))
    for where in ("cellar", "attic", "roof"):
        assert made.type("capture", *made.child(where)).returncode == 0
    return made


def test_each_run_gets_its_own_arguments_and_all_are_identical(shell: Shell, tmp_path: Path):
    junit = tmp_path / "junit.xml"
    words = ["--runs", "tag:suite:bar name:bottles", "--noise", "1", "--junit", junit, "--json"]
    before = shell.bodies()
    done = shell.type("replay", *words, *shell.child("{attributes.place}"))
    found = json.loads(done.stdout)

    assert (done.returncode, found["exit"], found["verdicts"]) == (0, 0, {"identical": 3})
    assert found["noise"] == {"repeats": 3, "disagreeing": 0}
    assert all(one["newRun"] for one in found["runs"])
    suite = ET.parse(junit).getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "0", "0")
    assert shell.bodies() == before


def test_runs_that_changed_leave_1_and_say_where(shell: Shell, tmp_path: Path):
    junit = tmp_path / "junit.xml"
    words = ["--runs", "tag:suite:bar", "--junit", junit]
    done = shell.type("replay", *words, *shell.child("attic"))

    assert done.returncode == 1
    assert "2 diverged, 1 identical" in done.stdout
    assert "input_changed at r#0" in done.stdout
    failures = [case.get("message") for case in ET.parse(junit).iter("failure")]
    assert failures == ["input_changed at r#0"] * 2


def test_a_program_that_disagrees_with_itself_is_noise(shell: Shell, tmp_path: Path):
    program = tmp_path / "flaky.py"
    marker = tmp_path / "ran"
    twice = f"Path({str(marker)!r})"
    flaky = f"PLACE = 'other' if {twice}.exists() else PLACE\n{twice}.touch()\n\n"
    text = shell.program.read_text()
    program.write_text(text.replace("@forkpoint.tool", flaky + "@forkpoint.tool", 1))
    words = ["--runs", "tag:suite:bar", "--most", "1", "--jobs", "1", "--noise", "2", "--json"]
    child = ["--", *map(str, shell.child("{attributes.place}")[1:])]
    child[2] = str(program)
    found = json.loads(shell.type("replay", *words, *child).stdout)

    assert (found["exit"], found["runs"][0]["verdict"]) == (1, "identical")
    assert found["noise"] == {"repeats": 2, "disagreeing": 2}


def test_trouble_leaves_2(shell: Shell):
    for words in (
        ["--runs", "tag:suite:bar"],
        ["--runs", "tag:nobody", *shell.child()],
        ["--runs", "tag:suite:bar", *shell.child("{attributes.nothing}")],
        [],
    ):
        assert shell.type("replay", *words).returncode == 2, words
