"""The command line against a real service: what it prints, and the status it leaves."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner, Result
from forkpoint_cli.errors import CliError
from forkpoint_cli.importers.agentdojo import run_id_of
from forkpoint_cli.main import forkpoint

RUNS = Path(__file__).parents[3] / "examples/agentdojo/runs"
TASK = RUNS / "gpt-4o-mini-2024-07-18-progent/banking/user_task_13"
ATTACKED = TASK / "important_instructions/injection_task_4.json"
CLEAN = TASK / "none/none.json"
HOSTILE = "\x1b]52;c;cGF3bmVk\x07\x1b[31mred\x1b[0m \u202eevil\u202c\x9b2J"
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


class Terminal:
    """Runs commands against one service with a data directory of its own."""

    def __init__(self, url: str, data: Path) -> None:
        self.environment = {"FORKPOINT_URL": url, "FORKPOINT_DATA": str(data), "NO_COLOR": "1"}

    def run(self, *words: str | Path) -> Result:
        return CliRunner().invoke(
            forkpoint,
            [str(word) for word in words],
            env=self.environment,
            standalone_mode=False,
        )

    def json(self, *words: str | Path) -> object:
        result = self.run(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture(scope="module")
def terminal(server: str, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    return Terminal(server, tmp_path_factory.mktemp("cli"))


@pytest.fixture(scope="module")
def ids(terminal: Terminal) -> dict[Path, str]:
    """Two imported runs by their file; other tests may have filled the same service."""
    for path in (ATTACKED, CLEAN):
        assert terminal.run("import", "agentdojo", path).exit_code == 0
    return {path: run_id_of(path.read_bytes()) for path in (ATTACKED, CLEAN)}


def test_an_import_says_what_came_and_a_second_one_changes_nothing(terminal: Terminal):
    other = RUNS / "gpt-4o-mini-2024-07-18-progent/banking/user_task_3/none/none.json"

    first = cast("dict[str, int]", terminal.json("import", "agentdojo", other))
    second = terminal.json("import", "agentdojo", other.parent / "*.json")

    assert {**first, "known": 0} == {"runs": 1, "steps": 7, "errors": 0, "known": 0}
    assert second == {"runs": 1, "steps": 7, "errors": 0, "known": 1}


def test_a_run_imported_under_another_redaction_key_is_known(
    terminal: Terminal, ids: dict[Path, str], tmp_path: Path
):
    del ids
    stranger = Terminal(terminal.environment["FORKPOINT_URL"], tmp_path)

    again = cast("dict[str, int]", stranger.json("import", "agentdojo", CLEAN))

    assert again["known"] == 1


def test_a_run_is_found_by_the_beginning_of_its_id(terminal: Terminal, ids: dict[Path, str]):
    shown = cast("dict[str, object]", terminal.json("runs", "show", ids[ATTACKED][:13]))
    steps = cast("list[dict[str, object]]", shown["steps"])

    assert shown["id"] == ids[ATTACKED]
    assert [step["key"] for step in steps[:4]] == ["r#0", "r#0.0", "r#0.1", "r#0.2"]
    assert [step["status"] for step in steps].count("ERROR") == 2


def test_tables_align_and_say_each_step(terminal: Terminal, ids: dict[Path, str]):
    lines = terminal.run("runs", "show", ids[CLEAN]).stdout.splitlines()
    table = lines[lines.index("") + 1 :]

    assert table[0].split()[:4] == ["step", "kind", "name", "status"]
    assert [line.split()[0] for line in table[1:]] == ["#0", "#1", "#3", "#5", "#7", "#9"]
    assert {line.index("●") for line in table[1:]} == {table[0].index("status")}


def test_a_finished_run_can_be_followed_from_its_beginning(
    terminal: Terminal, ids: dict[Path, str]
):
    result = terminal.run("runs", "tail", ids[CLEAN], "--json")
    events = [json.loads(line) for line in result.stdout.splitlines()]

    assert result.exit_code == 0
    assert [event["seq"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events].count("step_started") == 6


def test_an_export_is_a_table_no_spreadsheet_runs(terminal: Terminal, ids: dict[Path, str]):
    result = terminal.run("runs", "export", ids[ATTACKED])
    rows = list(csv.DictReader(io.StringIO(result.stdout)))

    assert len(rows) == 21
    assert [row["kind"] for row in rows[:3]] == ["AGENT", "MODEL", "TOOL"]
    assert result.stdout.startswith('"sequence"')


def test_a_bundle_is_made_checked_and_read(
    terminal: Terminal, ids: dict[Path, str], tmp_path: Path
):
    path = tmp_path / "attacked.fpb"
    made = cast("dict[str, str]", terminal.json("bundle", "create", ids[ATTACKED], path))
    manifest = cast("dict[str, object]", terminal.json("bundle", "inspect", path))
    verified = cast("dict[str, object]", terminal.json("bundle", "verify", path))

    assert manifest["id"] == made["id"]
    assert (verified["verdict"], verified["recorded"]) == ("identical", 21)


def test_a_damaged_bundle_is_refused_with_status_2(
    terminal: Terminal, ids: dict[Path, str], tmp_path: Path
):
    path = tmp_path / "damaged.fpb"
    terminal.run("bundle", "create", ids[CLEAN], path)
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)

    result = terminal.run("bundle", "verify", path)

    assert result.exit_code != 0
    assert "bundle refused" in str(result.exception)


def test_without_a_program_a_replay_verifies_and_says_so(terminal: Terminal, ids: dict[Path, str]):
    result = terminal.run("replay", ids[CLEAN])

    assert result.exit_code == 0
    assert "identical" in result.stdout
    assert "code not executed" in result.stdout


def test_two_runs_that_differ_make_diff_leave_1(terminal: Terminal, ids: dict[Path, str]):
    assert terminal.run("diff", ids[ATTACKED], ids[CLEAN]).return_value == 1
    assert terminal.run("diff", ids[CLEAN], ids[CLEAN]).return_value == 0


def test_recorded_text_cannot_steer_the_terminal(terminal: Terminal, tmp_path: Path):
    log = json.loads(CLEAN.read_text())
    log["user_task_id"] = f"user_task_{HOSTILE}"
    for message in log["messages"]:
        if message["role"] == "tool":
            message["tool_call"]["function"] = HOSTILE
    path = tmp_path / "hostile.json"
    path.write_text(json.dumps(log))
    assert terminal.run("import", "agentdojo", path).exit_code == 0
    run = run_id_of(path.read_bytes())

    for words in (["runs", "list", "--text", "evil"], ["runs", "show", run], ["runs", "tail", run]):
        assert not FORBIDDEN.search(terminal.run(*words).stdout), words
    assert not FORBIDDEN.search(terminal.run("runs", "show", run, "--json").stdout)
    assert not FORBIDDEN.search(terminal.run("runs", "export", run).stdout.replace("\r\n", ""))


def test_a_token_shows_its_secret_once(terminal: Terminal):
    made = cast(
        "dict[str, dict[str, str]]", terminal.json("token", "create", "ci", "--scope", "ingest")
    )
    listed = terminal.run("token", "list").stdout
    revoked = terminal.run("token", "revoke", made["token"]["id"])

    assert str(made["secret"]).startswith("fp_pat_")
    assert made["token"]["id"] in listed
    assert str(made["secret"]) not in listed
    assert revoked.exit_code == 0


def test_doctor_finds_the_service(terminal: Terminal):
    findings = cast("list[dict[str, object]]", terminal.json("doctor"))

    assert {"service": True, "service version": True, "audit log": True}.items() <= {
        str(finding["what"]): finding["fine"] for finding in findings
    }.items()


def test_a_service_that_is_away_is_named_with_what_to_do(tmp_path: Path):
    result = Terminal("http://127.0.0.1:9", tmp_path).run("runs", "list")

    error = result.exception
    assert isinstance(error, CliError)
    assert (error.exit_code, error.message) == (2, "nothing answers at http://127.0.0.1:9")
    assert error.hint == "start one with: forkpoint up"


def test_a_run_nobody_has_is_named(terminal: Terminal):
    result = terminal.run("runs", "show", "00000000-0000-4000-8000-000000000000")

    assert "there is no run 00000000-0000-4000-8000-000000000000" in str(result.exception)


def test_the_audit_log_names_what_was_done_and_is_whole(terminal: Terminal):
    made = cast(
        "dict[str, dict[str, str]]",
        terminal.json("token", "create", "audited", "--scope", "ingest"),
    )
    token_id = made["token"]["id"]
    terminal.run("token", "revoke", token_id)

    rows = cast("list[dict[str, str]]", terminal.json("audit", "--target", token_id))
    shown = terminal.run("audit", "--action", "token.revoked").output
    checked = terminal.run("audit", "--check")

    assert [row["action"] for row in rows] == ["token.revoked", "token.created"]
    assert token_id in shown
    assert "token.created" not in shown
    assert (checked.exit_code, checked.output.endswith("all as they were written\n")) == (0, True)
