"""`forkpoint bisect A B` without a program: a worker goes on with recordings of real agents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from forkpoint_cli.importers import agentdojo, tau
from shop import Shop, open_shop

EXAMPLES = Path(__file__).parents[3] / "examples"
TASK = EXAMPLES / "agentdojo/runs/gpt-4o-mini-2024-07-18-progent/banking/user_task_13"
PAIR = [TASK / "none/none.json", TASK / "important_instructions/injection_task_4.json"]
TRIALS = [EXAMPLES / f"tau/airline/task_001_trial_{trial}.json" for trial in (1, 0)]


@pytest.fixture(scope="module")
def shop(server: str, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return open_shop(server, tmp_path_factory.mktemp("loops"))


def imported(shop: Shop, form: str, *files: Path) -> list[str]:
    """The runs of these files, whose ids follow from their bytes."""
    done = shop.type("import", form, *files)
    assert done.returncode == 0, done.stderr
    run_id_of = {"agentdojo": agentdojo.run_id_of, "tau": tau.run_id_of}[form]
    return [run_id_of(file.read_bytes()) for file in files]


def test_a_poisoned_answer_is_verified_by_answers_of_either_run(shop: Shop):
    runs = imported(shop, "agentdojo", *PAIR)
    done = shop.type("bisect", *runs, "--json", "--apply")
    report = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert [(root["name"], root["word"]) for root in report["roots"]] == [("read_file", "verified")]
    assert report["deterministic"] and report["missing"] == []
    assert report["roots"][0]["revert"] == report["roots"][0]["apply"] == {"n": 1, "hits": 1}
    assert (report["sessions"], report["spent"]["calls"]) == (6, 0)


def test_what_neither_run_can_answer_leaves_the_word_open_and_is_named(shop: Shop):
    """Two trials of a tau-bench task: the failed one never called a tool, so how it tells results
    to its model is not known, and A's later requests are not met.
    """
    runs = imported(shop, "tau", *TRIALS)
    done = shop.type("bisect", *runs, "--yes")

    assert done.returncode == 1
    assert "unanswered" in done.stdout and "undetermined" in done.stdout
    assert "missing: no_answer at r#0.4 (no_answer)" in done.stderr
