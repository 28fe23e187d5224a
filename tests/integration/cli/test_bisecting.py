"""`forkpoint bisect`: the cause of another outcome is proved by running the program again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, sys
from pathlib import Path
import forkpoint

@forkpoint.tool(effect="read")
def look(what):
    return json.loads((Path(sys.argv[1]) / f"{what}.json").read_text())

@forkpoint.model(name="clerk")
def ask(messages):
    return "sold out" if messages[0]["bottles"] == 0 else "some left"

with forkpoint.run("shop") as run:
    stock = look("stock")
    weather = look("weather")
    run.set_output(ask(messages=[stock]))
"""
POLICY = {
    "policy": "forkpoint.policy/1",
    "default": {"mode": "cached"},
    "rules": [
        {
            "match": {"kind": "model"},
            "on_miss": ["simulated"],
            "simulate": {
                "cases": [
                    {"when": {"/messages/0/bottles": 3}, "value": "some left"},
                    {"when": {"/messages/0/bottles": 0}, "value": "sold out"},
                ]
            },
        }
    ],
}


class Shop:
    """The program, its world, and the command line."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "FORKPOINT_URL": url,
            "FORKPOINT_DATA": str(folder / "data"),
        }
        self.program = folder / "shop.py"
        self.program.write_text(PROGRAM)
        self.policy = folder / "policy.json"
        self.policy.write_text(json.dumps(POLICY))

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

    def visit(self, *, bottles: int, weather: str) -> str:
        """A recorded run in a world of this kind."""
        (self.folder / "stock.json").write_text(json.dumps({"bottles": bottles}))
        (self.folder / "weather.json").write_text(json.dumps({"sky": weather}))
        done = self.type("capture", *self.child())
        assert done.returncode == 0, done.stderr
        return done.stderr.strip().rpartition("/")[2]

    def child(self) -> list[str | Path]:
        return ["--", sys.executable, self.program, self.folder]


@pytest.fixture(scope="module")
def shop(server: str, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(server, tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def pair(shop: Shop) -> tuple[str, str]:
    good = shop.visit(bottles=3, weather="a clear sky over all of the valley")
    return good, shop.visit(bottles=0, weather="heavy rain over all of the valley")


def test_the_cause_is_verified_and_the_decoy_refuted(shop: Shop, pair: tuple[str, str]):
    done = shop.type("bisect", *pair, "--policy", shop.policy, "--json", *shop.child())
    report = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert {root["key"]: root["word"] for root in report["roots"]} == {
        "r#0": "verified",
        "r#1": "refuted",
    }
    assert report["deterministic"] and report["stopped"] is None
    assert report["roots"][0]["revert"] == {"n": 1, "hits": 1}
    assert report["spent"]["calls"] == 0 and report["sessions"] == 6


def test_what_the_program_asks_anew_stops_where_nothing_may_answer(
    shop: Shop, pair: tuple[str, str]
):
    done = shop.type("bisect", *pair, "--yes", *shop.child())

    assert done.returncode == 1
    assert "not_in_roots" in done.stdout and "2 roots, 2 can be reverted" in done.stderr


def test_the_report_is_written_for_a_pull_request_and_as_a_page(shop: Shop, pair: tuple[str, str]):
    markdown = shop.type("diff", *pair, "--as", "markdown")
    page = shop.type("diff", *pair, "--as", "html")

    assert markdown.returncode == page.returncode == 1
    assert markdown.stdout.startswith("## different")
    assert "origin \\(external\\)" in markdown.stdout and "```diff" in markdown.stdout
    assert page.stdout.startswith("<!doctype html>") and "<script" not in page.stdout
