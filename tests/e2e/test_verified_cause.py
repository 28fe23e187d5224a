"""Causes verified through the API by a real runner: the planted one is found, the decoy is not."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from forkpoint_cli.client import Service
from forkpoint_cli.errors import Refused
from forkpoint_cli.settings import Settings

PROGRAM = """
import json, sys
from pathlib import Path
import forkpoint

WORLD = Path(__file__).parent / "world.json"

@forkpoint.tool(effect="read")
def look(what):
    return json.loads(WORLD.read_text())[what]

@forkpoint.tool(effect="read")
def banner():
    return {"closed": True}

@forkpoint.model(name="clerk")
def ask(messages):
    if {"closed": True} in messages:
        return "closed"
    return "sold out" if messages[0]["bottles"] == 0 else "some left"

def visit(promo=False):
    with forkpoint.run("shop", attributes={"promo": promo}) as run:
        seen = [look("stock")]
        if promo:
            seen += [shown for shown in [banner()] if shown]
        weather = look("weather")
        run.set_output(ask(messages=seen))

if __name__ == "__main__":
    visit(promo=sys.argv[1] == "promo")
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
                    {"when": {"/messages/1/closed": True}, "value": "closed"},
                    {"when": {"/messages/0/bottles": 3}, "value": "some left"},
                    {"when": {"/messages/0/bottles": 0}, "value": "sold out"},
                ]
            },
        }
    ],
}
VERIFY = """
mutation ($i: VerifyCauseInput!) { verifyCause(input: $i) {
  plan { least most roots { row key name edits } replay { executor waits refusals { code } } }
  attribution { id state }
} }"""
STATE = """
query ($a: ID!, $b: ID!) { diff(a: $a, b: $b) {
  report attribution { id state reason message awaits report }
} }"""
CANCEL = """
mutation ($id: ID!) { cancelVerification(input: {attribution: $id}) { attribution { state } } }"""


@dataclass
class Shop:
    """The program, its world, and the service its runs go to."""

    url: str
    folder: Path
    entry: str = field(default_factory=lambda: f"shop-{secrets.token_hex(4)}")

    @property
    def service(self) -> Service:
        return Service(Settings(url=self.url))

    @property
    def environment(self) -> dict[str, str]:
        data = str(self.folder / "data")
        return {**os.environ, "FORKPOINT_URL": self.url, "FORKPOINT_DATA": data}

    def visit(self, *, bottles: int, sky: str, promo: bool = False) -> str:
        """A recorded run in a world of this kind."""
        world = f'{{"stock": {{"bottles": {bottles}}}, "weather": {{"sky": "{sky}"}}}}'
        (self.folder / "world.json").write_text(world)
        words = [sys.executable, "-c", "from forkpoint_cli.main import main; main()", "capture"]
        done = subprocess.run(
            [*words, "--", sys.executable, "shop.py", "promo" if promo else "plain"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return done.stderr.strip().rpartition("/")[2]

    def verify(self, pair: tuple[str, str], **more: object) -> dict[str, Any]:
        given = {"a": pair[0], "b": pair[1], "entrypoint": self.entry, "policy": POLICY, **more}
        found: Any = self.service.ask(VERIFY, i=given)["verifyCause"]
        return found

    def until_over(self, pair: tuple[str, str]) -> dict[str, Any]:
        while True:
            found: Any = self.service.ask(STATE, a=pair[0], b=pair[1])["diff"]
            if found["attribution"]["state"] != "running":
                return found


@pytest.fixture(scope="module")
def shop(server: str, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(PROGRAM)
    return Shop(url=server, folder=folder)


@pytest.fixture(scope="module")
def runner(shop: Shop) -> Iterator[None]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", "from forkpoint_cli.main import main; main()", "runner"),
            *("--entry", f"{shop.entry}=shop:visit", "--jobs", "2"),
        ],
        cwd=shop.folder,
        env=shop.environment,
        stdout=subprocess.DEVNULL,
    )
    yield
    process.send_signal(signal.SIGTERM)
    process.wait(30)


@pytest.fixture(scope="module")
def pair(shop: Shop) -> tuple[str, str]:
    good = shop.visit(bottles=3, sky="a clear sky over all of the valley")
    return good, shop.visit(bottles=0, sky="heavy rain over all of the valley")


def words(found: Mapping[str, Any]) -> dict[str, str]:
    return {root["name"]: root["word"] for root in found["report"]["roots"]}


def test_the_plan_says_what_would_be_set_back_before_anything_begins(
    shop: Shop, pair: tuple[str, str]
):
    planned = shop.verify(pair, dryRun=True)

    assert planned["attribution"] is None
    assert {root["key"]: root["edits"] for root in planned["plan"]["roots"]} == {
        "r#0": ["output"],
        "r#1": ["output"],
    }
    assert (planned["plan"]["least"], planned["plan"]["most"]) == (6, 82)
    assert planned["plan"]["replay"]["waits"] == f"no runner with {shop.entry} is online"


def test_the_planted_cause_is_verified_and_the_decoy_refuted(
    shop: Shop, runner: None, pair: tuple[str, str]
):
    shop.verify(pair)
    found = shop.until_over(pair)

    report = found["attribution"]["report"]
    assert found["attribution"]["state"] == "finished", found["attribution"]
    assert {root["key"]: root["word"] for root in report["roots"]} == {
        "r#0": "verified",
        "r#1": "refuted",
    }
    assert report["deterministic"] and report["sessions"] == 6
    roots = {root["a"]: root for root in found["report"]["roots"]}
    assert found["report"]["attribution"] == "verified"
    assert (roots["r#0"]["tier"], roots["r#0"]["revert"]) == ("verified", {"n": 1, "hits": 1})
    assert found["report"]["spent"]["sessions"] == 6


def test_a_call_that_only_the_bad_run_made_is_dropped_to_verify_it(shop: Shop, runner: None):
    good = shop.visit(bottles=3, sky="a clear sky over all of the valley")
    bad = shop.visit(bottles=3, sky="heavy rain over all of the valley", promo=True)
    planned = shop.verify((good, bad))
    found = shop.until_over((good, bad))

    edits = {root["name"]: root["edits"] for root in planned["plan"]["roots"]}
    assert edits == {"banner": ["drop"], "look": ["output"]}
    assert words(found["attribution"]) == {"banner": "verified", "look": "refuted"}


def test_the_budget_ends_it_and_what_is_not_known_is_said(
    shop: Shop, runner: None, pair: tuple[str, str]
):
    shop.verify(pair, budget={"sessions": 4})
    report = shop.until_over(pair)["attribution"]["report"]

    assert (report["stopped"], report["sessions"]) == ("budget", 4)
    assert {root["word"] for root in report["roots"]} == {"undetermined"}


def test_without_a_policy_that_answers_nothing_is_proved(
    shop: Shop, runner: None, pair: tuple[str, str]
):
    shop.verify(pair, policy=None)

    assert shop.until_over(pair)["attribution"]["report"]["stopped"] == "not_in_roots"


def test_a_stopped_verification_ends_and_equal_outcomes_have_no_cause(
    shop: Shop, pair: tuple[str, str]
):
    begun = shop.verify(pair, entrypoint=f"{shop.entry}-offline")["attribution"]
    ended: Any = shop.service.ask(CANCEL, id=begun["id"])["cancelVerification"]

    assert ended["attribution"]["state"] == "cancelled"
    with pytest.raises(Refused, match="same outcome"):
        shop.verify((pair[0], pair[0]))
