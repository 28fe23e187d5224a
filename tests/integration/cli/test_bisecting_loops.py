"""`forkpoint bisect A B` without a program: a worker goes on with recordings of real agents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from shop import Shop, open_shop

RUNS = Path(__file__).parents[3] / "examples/agentdojo/runs/gpt-4o-mini-2024-07-18-progent"


@pytest.fixture(scope="module")
def shop(server: str, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return open_shop(server, tmp_path_factory.mktemp("loops"))


def pair(shop: Shop, task: str) -> tuple[str, str]:
    """A run without an attack in what it read, and one with it."""
    imported = shop.type("import", "agentdojo", RUNS / task)
    assert imported.returncode == 0, imported.stderr
    listed = shop.type("runs", "list", "--name", task, "--first", "200", "--json")
    runs = {
        tag: run["id"]
        for run in json.loads(listed.stdout)["nodes"]
        if run["origin"] is None
        for tag in run["tags"]
    }
    return runs["attack:none"], runs["attack:important_instructions"]


def test_a_poisoned_answer_is_verified_by_answers_of_either_run(shop: Shop):
    runs = pair(shop, "banking/user_task_13")
    done = shop.type("bisect", *runs, "--json", "--apply")
    report = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert [(root["name"], root["word"]) for root in report["roots"]] == [("read_file", "verified")]
    assert report["deterministic"] and report["missing"] == []
    assert report["roots"][0]["revert"] == report["roots"][0]["apply"] == {"n": 1, "hits": 1}
    assert (report["sessions"], report["spent"]["calls"]) == (6, 0)


def test_where_only_the_tool_could_answer_nothing_is_proved_and_it_is_named(shop: Shop):
    done = shop.type("bisect", *pair(shop, "banking/user_task_0"), "--yes")

    assert done.returncode == 1
    assert "unanswered" in done.stdout and "undetermined" in done.stdout
    assert "missing: no_executor at r#0.5 (needs_tool_output)" in done.stderr
