"""`forkpoint bisect`: the cause of another outcome is proved by running the program again."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from provider import Provider
from provider import provider as provider
from shop import Shop, open_shop

LIVE = """
import json, sys, urllib.request
from pathlib import Path
import forkpoint

@forkpoint.tool(effect="read")
def look():
    return json.loads((Path(__file__).parent / "world.json").read_text())

@forkpoint.model(name="clerk")
def ask(messages):
    body = json.dumps({"messages": messages}).encode()
    head = {"content-type": "application/json"}
    asked = urllib.request.Request(sys.argv[1] + "/chat/completions", body, head)
    with urllib.request.urlopen(asked) as answer:
        return json.load(answer)

with forkpoint.run("live-shop") as run:
    run.set_output(ask(messages=[look()])["choices"][0]["message"]["content"])
"""


@pytest.fixture(scope="module")
def shop(server: str, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return open_shop(server, tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def policy(shop: Shop) -> Path:
    return shop.policy()


@pytest.fixture(scope="module")
def pair(shop: Shop) -> tuple[str, str]:
    good = shop.visit(bottles=3, sky="a clear sky over all of the valley")
    return good, shop.visit(bottles=0, sky="heavy rain over all of the valley")


def test_the_cause_is_verified_and_the_decoy_refuted(
    shop: Shop, policy: Path, pair: tuple[str, str]
):
    done = shop.type("bisect", *pair, "--policy", policy, "--json", "--apply", *shop.child())
    report = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert {root["key"]: root["word"] for root in report["roots"]} == {
        "r#0": "verified",
        "r#1": "refuted",
    }
    assert report["deterministic"] and report["stopped"] is None
    assert report["roots"][0]["revert"] == {"n": 1, "hits": 1}
    assert [root["apply"]["hits"] for root in report["roots"]] == [1, 0]
    assert report["spent"]["calls"] == 0 and report["sessions"] == 8


def test_what_the_program_asks_anew_stops_where_nothing_may_answer(
    shop: Shop, pair: tuple[str, str]
):
    done = shop.type("bisect", *pair, "--yes", *shop.child())

    assert done.returncode == 1
    assert "unanswered" in done.stdout and "2 roots, 2 can be reverted" in done.stderr
    assert "missing: no_answer at r#2 (no_answer)" in done.stderr


@pytest.mark.parametrize(("side", "edit"), [("b", "drop"), ("a", "insert")])
def test_a_call_that_only_one_run_made_is_taken_away_or_put_back(
    shop: Shop, policy: Path, pair: tuple[str, str], side: str, edit: str
):
    """`inserted` and `removed`: what the call gave goes with it or comes back, by the program."""
    with_call = shop.visit(bottles=3, sky="heavy rain over all of the valley", promo=True)
    runs = (pair[0], with_call) if side == "b" else (with_call, pair[0])
    done = shop.type("bisect", *runs, "--policy", policy, "--json", *shop.child(side == "b"))
    report = json.loads(done.stdout)

    assert done.returncode == 0, (edit, done.stderr, done.stdout)
    assert {root["name"]: root["word"] for root in report["roots"]} == {
        "banner": "verified",
        "look": "refuted",
    }


def test_live_samples_verify_what_shifts_the_odds(shop: Shop, provider: Provider):
    """A program that asks a real endpoint, whose answers are drawn."""
    chance = random.Random(3)

    def clerk(asked: dict[str, object]) -> object:
        share = 0.05 if '"bottles": 0' in json.dumps(asked) else 0.95
        says = "some left" if chance.random() < share else "sold out"
        message = {"role": "assistant", "content": says}
        usage = {"prompt_tokens": 9, "completion_tokens": 1}
        drawn = f"chatcmpl-{len(provider.asked)}"
        return {"id": drawn, "choices": [{"index": 0, "message": message}], "usage": usage}

    provider.answer = clerk
    runs = [shop.ask(LIVE, provider.url, bottles=bottles) for bottles in (3, 0)]
    recorded = len(provider.asked)
    live = {"match": {"kind": "model"}, "mode": "live"}
    policy = shop.folder / "live.json"
    policy.write_text(
        json.dumps(
            {
                "policy": "forkpoint.policy/1",
                "default": {"mode": "cached"},
                "rules": [live],
                "allow_live": {"hosts": [provider.url.split("/")[2]]},
                "budgets": {"calls": 2, "tokens": 900, "cost_usd": 1, "wall_s": 30},
            }
        )
    )
    given = ["--policy", policy, "--samples", "5", "--json"]
    child = ["--", *shop.program(LIVE), provider.url]
    report = json.loads(shop.type("bisect", *runs, *given, *child).stdout)
    made = len(provider.asked) - recorded

    [root] = report["roots"]
    assert (root["word"], root["revert"]["n"], report["keep"]["n"]) == ("verified", 5, 5)
    assert root["revert"]["interval"][0] > report["keep"]["interval"][1]
    assert report["noise"]["n"] == 5 and not report["deterministic"]
    assert report["spent"]["calls"] == made == report["sessions"] - 1


def test_the_report_is_written_for_a_pull_request_and_as_a_page(shop: Shop, pair: tuple[str, str]):
    markdown = shop.type("diff", *pair, "--as", "markdown")
    page = shop.type("diff", *pair, "--as", "html")

    assert markdown.returncode == page.returncode == 1
    assert markdown.stdout.startswith("## different")
    assert "origin \\(external\\)" in markdown.stdout and "```diff" in markdown.stdout
    assert page.stdout.startswith("<!doctype html>") and "<script" not in page.stdout
